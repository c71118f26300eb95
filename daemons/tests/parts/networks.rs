//! Sensors of several networks in one store: nobody's readings under another's number or licence.

use std::sync::Arc;

use airshed::networks::{NetworkTerms, Networks};
use serde_json::{Value, json as value};
use store::{Format, Memory, Network, Reading, Sensor, Store, Window};

use super::support::{Options, Rig, at, json, location};

const DAY: &str = "startDate=2026-01-31&endDate=2026-01-31";
const SCHOOL: &str =
    "my-school=Our School, CC BY 4.0 <https://creativecommons.org/licenses/by/4.0/>";

fn network(name: &str) -> Network {
    name.parse().unwrap()
}

/// Sensor 7 of three networks at one moment, each with another value.
fn readings() -> Vec<Reading> {
    let values = [("sensor.community", "4"), ("my-school", "40"), ("secret", "400")];
    let reading = |(name, value): (&str, &str)| {
        let sensor = Sensor { network: network(name), id: 7 };
        let mut reading = Reading::new(sensor, Window::Day24, at("2026-01-31T11:00:00Z"));
        reading.pm25 = Some(value.parse().unwrap());
        (reading.latitude, reading.longitude) = (Some(52.into()), Some(13.into()));
        reading.country = Some("DE".parse().unwrap());
        reading
    };
    values.map(reading).to_vec()
}

/// A server that knows the terms of two of them.
async fn rig() -> Rig {
    let NetworkTerms { network, terms } = SCHOOL.parse().unwrap();
    let networks = Arc::new(Networks::default().with(network, terms));
    let rig = Rig::start(Options { networks, ..Options::default() }).await;
    rig.store.put(&readings()).await.unwrap();
    rig
}

async fn csv(rig: &Rig, filters: &str) -> String {
    let path = format!("/api/query?{DAY}&columns=network,sensor_id,P2{filters}");
    rig.get(&path).await.text().await.unwrap()
}

#[tokio::test]
async fn one_number_in_two_networks_is_two_sensors() {
    let rig = rig().await;
    let (community, school) = ("sensor.community,7,4\n", "my-school,7,40\n");
    let head = "network,sensor_id,P2\n";
    for (filters, rows) in [
        ("", format!("{community}{school}")),
        ("&sensor=7", community.to_owned()),
        ("&sensor=sensor.community:7", community.to_owned()),
        ("&sensor=my-school:7", school.to_owned()),
        ("&sensor=7,my-school:7", format!("{community}{school}")),
        ("&network=my-school", school.to_owned()),
        ("&network=my-school,sensor.community", format!("{community}{school}")),
    ] {
        assert_eq!(csv(&rig, filters).await, format!("{head}{rows}"), "{filters}");
    }
    for filters in ["&network=my-school&sensor=7", "&network=my-school&sensor=my-school:8"] {
        let path = format!("/api/query?{DAY}{filters}");
        assert_eq!(rig.get(&path).await.status(), 404, "{filters}");
    }
    let latest = json(rig.get("/api/latest").await).await;
    let mut ids: Vec<_> = latest["features"].as_array().unwrap().iter().map(|f| &f["id"]).collect();
    ids.sort_by_key(|id| id.is_string());
    assert_eq!(ids, [&value!(7), &value!("my-school:7")]);
    let series = json(rig.get("/api/series?sensor=my-school:7").await).await;
    assert_eq!((&series["sensor"], &series["P2"]), (&value!("my-school:7"), &value!([40])));
    let summary = json(rig.get("/api/summary?country=DE").await).await;
    assert_eq!(summary["selection"]["sensors"], 2);
}

#[tokio::test]
async fn readings_whose_terms_nobody_knows_stay_in_the_store() {
    let rig = rig().await;
    for ask in ["/api/latest?quality=all", "/api/summary?country=DE&quality=all"] {
        let text = rig.get(ask).await.text().await.unwrap();
        assert!(!text.contains("secret") && !text.contains("400"), "{text}");
    }
    for field in ["network=secret", "sensor=secret:7"] {
        for path in ["query", "estimate", "latest", "series", "summary"] {
            let path = format!("/api/{path}?{DAY}&{field}");
            let refused = rig.get(&path).await;
            assert_eq!(refused.status(), 400, "{path}");
            let reason = refused.text().await.unwrap();
            assert!(
                reason.contains("network of this server (sensor.community, my-school, simulated)"),
                "{reason}"
            );
        }
    }
    let job = rig.get_as_job(&format!("/api/query?{DAY}&columns=network,P2")).await;
    let file = rig.get(&format!("{}?wait=30", location(&job))).await.text().await.unwrap();
    assert_eq!(file, "network,P2\nsensor.community,4\nmy-school,40\n");
}

#[tokio::test]
async fn every_answer_has_the_terms_of_its_networks_alone() {
    let rig = rig().await;
    let (odbl, by) = (store::LICENCE, "https://creativecommons.org/licenses/by/4.0/");
    for (filter, terms, licences) in [
        ("", vec![store::ATTRIBUTION, "Our School, CC BY 4.0"], vec![odbl, by]),
        ("&network=my-school", vec!["Our School, CC BY 4.0"], vec![by]),
        ("&sensor=my-school:7", vec!["Our School, CC BY 4.0"], vec![by]),
        ("&sensor=7", vec![store::ATTRIBUTION], vec![odbl]),
    ] {
        let credit = store::AqiStandard::DEFAULT.credit(&terms.join("; "));
        let links = licences.iter().map(|licence| format!("<{licence}>; rel=\"license\""));
        let links = links.collect::<Vec<_>>().join(", ");
        let mut paths = vec![format!("/api/latest?{DAY}{filter}")];
        for format in Format::ALL {
            paths.push(format!("/api/query?{DAY}{filter}&format={}", format.name()));
        }
        for path in paths {
            let answer = rig.get(&path).await;
            assert_eq!(answer.headers()["link"], links, "{path}");
            let body = answer.bytes().await.unwrap();
            if path.ends_with("geojson") || path.contains("/latest") {
                let object: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(object["attribution"], credit, "{path}");
            } else if path.ends_with("parquet") || path.ends_with("arrow") {
                let found = body.windows(credit.len()).any(|part| part == credit.as_bytes());
                assert!(found, "{path} has the credit in its metadata");
            }
        }
        if filter.contains("sensor=") {
            let series = json(rig.get(&format!("/api/series?{DAY}{filter}")).await).await;
            assert_eq!(series["attribution"], credit);
        }
        let job = rig.get_as_job(&format!("/api/query?{DAY}{filter}&format=geojson")).await;
        let file = rig.get(&format!("{}?wait=30", location(&job))).await;
        assert_eq!(file.headers()["link"], links);
        assert_eq!(json(file).await["attribution"], credit);
    }
}

#[tokio::test]
async fn a_reading_replaces_that_of_its_own_network_alone() {
    let store = Memory::new();
    store.put(&readings()).await.unwrap();
    let mut moved = readings()[1].clone();
    (moved.country, moved.pm25) = (Some("FR".parse().unwrap()), Some(41.into()));
    store.put(&[moved]).await.unwrap();
    let rig = Rig::start(Options {
        store: Arc::new(store),
        networks: Arc::new(Networks::default().with(network("my-school"), {
            let NetworkTerms { terms, .. } = SCHOOL.parse().unwrap();
            terms
        })),
        ..Options::default()
    })
    .await;
    let rows = csv(&rig, "").await;
    assert_eq!(rows, "network,sensor_id,P2\nsensor.community,7,4\nmy-school,7,41\n");
}

#[tokio::test]
async fn where_there_is_one_network_its_sensors_are_named_by_their_number_alone() {
    let NetworkTerms { network, terms } = SCHOOL.parse().unwrap();
    let networks = Arc::new(Networks::default().with(network, terms));
    let rig = Rig::start(Options { networks, ..Options::default() }).await;
    rig.store.put(&readings()[1..2]).await.unwrap();
    for id in ["7", "my-school:7"] {
        let series = json(rig.get(&format!("/api/series?{DAY}&sensor={id}")).await).await;
        assert_eq!((&series["sensor"], &series["P2"]), (&value!(7), &value!([40])), "{id}");
    }
    let community = rig.get(&format!("/api/series?{DAY}&sensor=sensor.community:7")).await;
    assert_eq!(community.status(), 404);
    let latest = json(rig.get("/api/latest").await).await;
    assert_eq!(latest["features"][0]["id"], 7);
    let summary = json(rig.get("/api/summary").await).await;
    let credit = store::AqiStandard::DEFAULT.credit("Our School, CC BY 4.0");
    assert_eq!(summary["attribution"], credit);
}

#[tokio::test]
async fn a_network_whose_last_reading_was_deleted_is_there_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let file = store::Embedded::open(folder.path().join("readings"), Default::default()).unwrap();
    for store in [Arc::new(Memory::new()) as Arc<dyn Store>, Arc::new(file)] {
        let mut old = readings()[0].clone();
        old.timestamp = at("2026-01-20T11:00:00Z");
        store.put(&[old, readings()[1].clone()]).await.unwrap();
        let school = network("my-school");
        assert_eq!(store.networks().await.unwrap(), [Network::SENSOR_COMMUNITY, school]);
        store.delete_before(at("2026-01-25T00:00:00Z")).await.unwrap();
        assert_eq!(store.networks().await.unwrap(), [school]);
    }
}
