//! What the server says about its files and about all of its data.

use serde_json::{Value, json as value};
use store::{Column, LICENCE, Reading, Window};

use super::support::{Options, Rig, at, json, location, readings};

const DAY: &str = "startDate=2026-01-01&endDate=2026-01-01";
const CSVM: &str = "application/csvm+json";

/// The targets of the `Link` headers with a relation.
fn links(answer: &reqwest::Response, relation: &str) -> Vec<String> {
    let values = answer.headers().get_all("link").iter().map(|value| value.to_str().unwrap());
    let links = values.flat_map(|value| value.split(", "));
    let related = links.filter(|link| link.contains(&format!("rel=\"{relation}\"")));
    related.map(|link| link[1..link.find('>').unwrap()].to_owned()).collect()
}

async fn rig() -> Rig {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(30)).await.unwrap();
    rig
}

#[tokio::test]
async fn a_csv_leads_to_its_description_and_that_to_the_csv() {
    let rig = rig().await;
    for (query, delimiter) in [
        (format!("{DAY}&columns=all"), ","),
        (format!("columns=all&{DAY}"), ","), // the same, for the cache
        (format!("{DAY}&dialect=spreadsheet&columns=P1,timestamp"), ";"),
        (format!("{DAY}&country=DE&delimiter=tab&metadata=true"), "\t"),
    ] {
        for _ in 0..2 {
            let answer = rig.get(&format!("/api/query?{query}")).await;
            assert_eq!(links(&answer, "license"), [LICENCE]);
            let described = links(&answer, "describedby");
            assert_eq!(described, [format!("/api/query.csv-metadata.json?{query}")]);
            let tag = answer.headers()["etag"].clone();
            let unchanged = rig.http.get(answer.url().clone()).header("if-none-match", tag);
            let unchanged = unchanged.send().await.unwrap();
            assert_eq!(unchanged.status(), 304);
            assert_eq!(links(&unchanged, "describedby"), described);
            let csv = answer.text().await.unwrap();

            let sidecar = rig.get(&described[0]).await;
            assert_eq!(
                (sidecar.status().as_u16(), &sidecar.headers()["content-type"]),
                (200, &CSVM.parse().unwrap())
            );
            let address = sidecar.url().clone();
            let sidecar = json(sidecar).await;
            let url = address.join(sidecar["url"].as_str().unwrap()).unwrap();
            assert_eq!(url.as_str(), format!("{}/api/query?{query}", rig.base));
            assert_eq!(sidecar["dialect"]["delimiter"], delimiter);
            let columns = sidecar["tableSchema"]["columns"].as_array().unwrap();
            let titles = columns.iter().map(|column| column["titles"].as_str().unwrap());
            let header = titles.collect::<Vec<_>>().join(delimiter);
            let mut lines = csv.trim_start_matches('\u{feff}').lines();
            assert_eq!(lines.find(|line| !line.starts_with('#')), Some(header.as_str()));
            let rows = lines.filter(|line| !line.starts_with('#')).count();
            assert_eq!(sidecar["notes"][0]["rows"], rows);
            assert_eq!(sidecar["dc:license"][0]["@id"], LICENCE);
        }
    }
}

#[tokio::test]
async fn other_formats_lead_to_the_description_of_the_same_rows_as_csv() {
    let rig = rig().await;
    for format in ["json", "ndjson", "geojson", "parquet", "arrow"] {
        let answer = rig.get(&format!("/api/query?{DAY}&country=DE&format={format}")).await;
        let sidecar = rig.get(&links(&answer, "describedby")[0]).await;
        let address = sidecar.url().clone();
        let url = address.join(json(sidecar).await["url"].as_str().unwrap()).unwrap();
        let csv = rig.http.get(url).send().await.unwrap();
        assert!(csv.headers()["content-type"].to_str().unwrap().starts_with("text/csv"));
        assert_eq!(csv.text().await.unwrap().lines().count(), 11);
    }
    let report = rig.get(&format!("/api/query?{DAY}&dialect=report")).await;
    let sidecar = json(rig.get(&links(&report, "describedby")[0]).await).await;
    let columns = sidecar["tableSchema"]["columns"].as_array().unwrap();
    let timestamp = columns.iter().find(|column| column["name"] == "timestamp").unwrap();
    assert_eq!(timestamp["datatype"]["format"], "yyyy-MM-dd HH:mm:ss");
}

#[tokio::test]
async fn a_post_leads_to_the_same_description_unless_it_is_too_long_for_a_header() {
    let rig = rig().await;
    let post = |sensors: String| {
        let body =
            value!({ "startDate": "2026-01-01", "endDate": "2026-01-01", "sensor": sensors });
        let request = rig.http.post(format!("{}/api/query", rig.base));
        request.header("content-type", "application/json").body(body.to_string())
    };
    let answer = post("100,101".to_owned()).send().await.unwrap();
    let sidecar = json(rig.get(&links(&answer, "describedby")[0]).await).await;
    assert_eq!(sidecar["notes"][0]["query"]["sensor"], "100,101");
    assert_eq!(sidecar["notes"][0]["rows"], 2);
    let many: Vec<_> = (100..400).map(|id| format!("{:010}", id)).collect();
    let answer = post(many.join(",")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), links(&answer, "describedby").len()), (200, 0));
    // A description of nothing is one too; one of nonsense is not.
    let nothing =
        json(rig.get("/api/query.csv-metadata.json?startDate=2000-01-01&endDate=2000-01-01").await);
    assert_eq!(nothing.await["notes"][0]["rows"], 0);
    assert_eq!(rig.get("/api/query.csv-metadata.json?startDate=once").await.status(), 400);
}

#[tokio::test]
async fn metadata_are_in_the_file_where_they_are_asked_for() {
    let rig = rig().await;
    let get = async |fields: &str| rig.get(&format!("/api/query?{DAY}&{fields}")).await;
    let plain = get("quality=plausible").await.text().await.unwrap();
    let described = get("quality=plausible&metadata=true").await.text().await.unwrap();
    let (comments, rows) = described.split_at(described.find("id,").unwrap());
    let counts = "# Rows: 29\n# Doubtful rows: 0\n# Left-out rows: 1\n";
    assert_eq!(rows, format!("{plain}{counts}"));
    assert!(comments.lines().all(|line| line.starts_with("# ")));
    assert!(comments.contains("stuck") && comments.contains("quality=plausible"), "{comments}");
    let array = json(get("format=json").await).await;
    let object = json(get("format=json&metadata=true").await).await;
    assert_eq!(object["readings"], array);
    assert_eq!(object["rows"], 30);
    let source = &object["metadata"]["sources"][0];
    assert_eq!(
        (&source["network"], &source["licence"]),
        (&value!("sensor.community"), &value!(LICENCE))
    );
    for (fields, named) in [
        ("format=ndjson&metadata=true", "NDJSON"),
        ("format=parquet&metadata=false", "always"),
        ("metadata=maybe", "true or false"),
    ] {
        let refused = get(fields).await;
        assert_eq!(refused.status(), 400, "{fields}");
        let problem = json(refused).await;
        assert_eq!(problem["field"], "metadata");
        assert!(problem["detail"].as_str().unwrap().contains(named), "{problem}");
    }
    assert_eq!(rig.get("/api/summary?country=DE&metadata=true").await.status(), 400);
}

/// Rows, doubtful rows, and readings left out.
type Counts = [Option<u64>; 3];

fn members(object: &Value) -> Counts {
    ["rows", "doubtfulRows", "leftOutRows"].map(|name| object[name].as_u64())
}

/// A number at the end of a Parquet file, where the text follows its name and length.
fn footer(file: &[u8], name: &str) -> Option<u64> {
    let at = file.windows(name.len()).rposition(|part| part == name.as_bytes())?;
    let rest = file[at + name.len()..].iter().skip_while(|byte| !byte.is_ascii_digit());
    let digits: String = rest.take_while(|b| b.is_ascii_digit()).map(|b| char::from(*b)).collect();
    digits.parse().ok()
}

#[tokio::test]
async fn every_place_has_the_same_numbers() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(20_000)).await.unwrap(); // streamed, too
    let all = "startDate=2026-01-01&endDate=2026-01-31";
    for fields in [
        "",
        "quality=plausible",
        "without=zero",
        "without=stuck",
        "country=DE&quality=plausible",
        "sensor=100,111&quality=all",
        "limit=7&quality=plausible",
        "limit=7",
        "minAqi=1&maxAqi=1&without=zero",
    ] {
        let ask = |format: &str| format!("/api/query?{all}&{fields}&format={format}");
        let csv = rig.get(&ask("csv&metadata=true")).await;
        let described = links(&csv, "describedby").remove(0);
        let text = csv.text().await.unwrap();
        let line = |name: &str| {
            let mut lines = text.lines().rev().take_while(|line| line.starts_with("# "));
            lines.find_map(|line| line.strip_prefix(name)?.parse().ok())
        };
        let counts: Counts = ["# Rows: ", "# Doubtful rows: ", "# Left-out rows: "].map(line);
        let [rows, doubtful, left_out] = counts;
        let data = text.lines().filter(|line| !line.starts_with('#')).count() as u64 - 1;
        assert_eq!(rows, Some(data), "{fields}");
        let is_left_out = fields.contains("plausible") || fields.contains("without");
        assert_eq!(left_out.is_some(), is_left_out && !fields.contains("limit"), "{fields}");

        let sidecar = json(rig.get(&described).await).await;
        assert_eq!(members(&sidecar["notes"][0]), counts, "{fields}");
        assert_eq!(members(&json(rig.get(&ask("json&metadata=true")).await).await), counts);
        assert_eq!(members(&json(rig.get(&ask("geojson")).await).await), counts);
        let file = rig.get(&ask("parquet")).await.bytes().await.unwrap();
        assert_eq!(footer(&file, "doubtful_rows"), doubtful, "{fields}");
        assert_eq!(footer(&file, "left_out_rows"), left_out, "{fields}");
        let small = rig.get(&ask("csv&columns=sensor_id")).await;
        let header = |name: &str| small.headers().get(name)?.to_str().ok()?.parse::<u64>().ok();
        if small.headers().get("trailer").is_none() {
            assert_eq!(header("airshed-doubtful-rows"), doubtful, "{fields}");
            assert_eq!(header("airshed-left-out-rows").filter(|_| is_left_out), left_out);
        }
        let job = location(&rig.get_as_job(&ask("csv&metadata=true")).await);
        let file = rig.get(&format!("{job}?wait=30")).await.text().await.unwrap();
        assert!(file == text, "{fields}");
        let status = json(rig.get(&format!("{job}/status")).await).await;
        let status = ["rows", "doubtful", "leftOut"].map(|name| status[name].as_u64());
        assert_eq!((status[0], status[1]), (rows, doubtful), "{fields}");
        assert_eq!(status[2].filter(|_| is_left_out), left_out, "{fields}");
        let sidecar = json(rig.get(&format!("{job}/csv-metadata.json")).await).await;
        assert_eq!(members(&sidecar["notes"][0]), counts, "{fields}");
    }
}

#[tokio::test]
async fn a_jobs_file_leads_to_its_description() {
    let rig = rig().await;
    let job = location(&rig.get_as_job(&format!("/api/query?{DAY}&columns=all")).await);
    let early = rig.get(&format!("{job}/csv-metadata.json")).await;
    assert!([200, 409].contains(&early.status().as_u16()));
    let answer = rig.get(&format!("{job}?wait=30")).await;
    let path = links(&answer, "describedby").remove(0);
    for _ in 0..2 {
        let sidecar = rig.get(&path).await;
        let address = sidecar.url().clone();
        let sidecar = json(sidecar).await;
        let url = address.join(sidecar["url"].as_str().unwrap()).unwrap();
        assert_eq!(url.path(), job);
        assert_eq!(sidecar["notes"][0]["rows"], 30);
        assert!(sidecar["notes"][0]["state"].is_string());
        assert_eq!(sidecar["tableSchema"]["columns"].as_array().unwrap().len(), Column::ALL.len());
        // When the file is gone, too.
        let deleted = rig.http.delete(format!("{}{job}", rig.base)).send().await.unwrap();
        assert!(deleted.status() == 200 || deleted.status() == 409);
    }
    let unknown = format!("/api/results/{}/csv-metadata.json", uuid::Uuid::new_v4());
    assert_eq!(rig.get(&unknown).await.status(), 404);
}

#[tokio::test]
async fn the_dataset_is_described_for_people_search_engines_and_catalogues() {
    let rig = Rig::start(Options::default()).await;
    let accepting = |path: &str, kind: &str| {
        rig.http.get(format!("{}{path}", rig.base)).header("accept", kind).send()
    };
    let empty = rig.get("/dataset").await.text().await.unwrap();
    assert!(empty.contains("there are no readings yet"), "{empty}");
    assert_eq!(json(rig.get("/dataset.jsonld").await).await.get("dct:temporal"), None);

    rig.store.put(&readings(30)).await.unwrap();
    let page = accepting("/dataset", "text/html").await.unwrap();
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let page = page.text().await.unwrap();
    for message in ["Sensor.Community contributors", LICENCE, "DE, FR, GB", "2026-01-01T00:00:29Z"]
    {
        assert!(page.contains(message), "{message} is not in {page}");
    }
    let (_, rest) = page.split_once("<script type=\"application/ld+json\">").unwrap();
    let dataset: Value = serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap();
    assert_eq!((&dataset["@type"], &dataset["license"]), (&value!("Dataset"), &value!([LICENCE])));
    assert_eq!(dataset["temporalCoverage"], "2026-01-01T00:00:00Z/2026-01-01T00:00:29Z");

    let dcat = json(rig.get("/dataset.jsonld").await).await;
    let negotiated = accepting("/dataset", "application/ld+json").await.unwrap();
    assert_eq!(negotiated.headers()["vary"], "accept");
    assert_eq!(json(negotiated).await, dcat);
    assert_eq!(dcat["@id"], format!("{}/dataset", rig.base));
    assert_eq!(dcat["dcatap:hvdCategory"]["@id"], "http://data.europa.eu/bna/c_dd313021");
    // Every distribution is there, and is all of the data.
    let distributions = dcat["dcat:distribution"].as_array().unwrap();
    assert_eq!(distributions.len(), store::Format::ALL.len());
    for distribution in distributions {
        let url = distribution["dcat:accessURL"]["@id"].as_str().unwrap();
        let file = rig.http.get(url).send().await.unwrap();
        assert_eq!(file.status(), 200, "{url}");
        let (name, type_) =
            (&distribution["dct:title"]["@value"], &distribution["dcat:mediaType"]["@id"]);
        let kind =
            file.headers()["content-type"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let registered = type_.as_str().map(|iri| iri.ends_with(&kind));
        assert_eq!(registered, (name != "ndjson").then_some(true), "{name}");
        if name == "csv" {
            assert_eq!(file.text().await.unwrap().lines().count(), 31);
        }
    }
    // Behind a server that ends TLS, and with a host that is none.
    let request = rig.http.get(format!("{}/dataset.jsonld", rig.base));
    let request = request.header("host", "air.example.org").header("x-forwarded-proto", "https");
    let behind = json(request.send().await.unwrap()).await;
    assert_eq!(behind["dcat:landingPage"]["@id"], "https://air.example.org/dataset");
}

#[tokio::test]
async fn attributions_stay_within_their_place_in_the_page() {
    use airshed::networks::{Networks, Terms};
    let words = "</script><script>alert(1)</script>\" & {{json}}";
    let networks = Networks::only("my-school".parse().unwrap(), Terms::new(words, None));
    let rig =
        Rig::start(Options { networks: std::sync::Arc::new(networks), ..Options::default() }).await;
    let sensor = store::Sensor { network: "my-school".parse().unwrap(), id: 1 };
    let reading = Reading::new(sensor, Window::Day24, at("2026-01-01T00:00:00Z"));
    rig.store.put(&[Reading { pm10: Some(5.into()), ..reading }]).await.unwrap();
    let page = rig.get("/dataset").await.text().await.unwrap();
    assert_eq!(page.matches("<script").count(), 1, "{page}");
    let dcat = json(rig.get("/dataset.jsonld").await).await;
    assert_eq!(dcat.get("dcatap:hvdCategory"), None, "nothing says that it may be reused");
    assert!(page.contains("&lt;/script&gt;"));
    let described = rig.get(&format!("/api/query?{DAY}&metadata=true")).await.text().await.unwrap();
    assert!(described.contains(&format!("# Attribution: {words}\n")), "{described}");
    let credit = json(rig.get(&format!("/api/query?{DAY}&format=geojson")).await).await;
    assert_eq!(credit["metadata"]["attribution"], words);
}

/// In the file, in its description, and in what a job makes.
#[tokio::test]
async fn times_are_those_of_a_zone_on_request() {
    let rig = rig().await;
    let day = "startDate=2026-01-01&endDate=2026-01-01&window=24h&columns=timestamp,P1&limit=1";
    let local = format!("/api/query?{day}&tz=Europe/Berlin&times=local");
    for (fields, name, expected, datatype) in [
        ("", "timestamp", "2026-01-01T01:00:00+01:00,0", "dateTimeStamp"),
        (
            "&dialect=spreadsheet&delimiter=comma",
            "timestamp (Europe/Berlin)",
            "2026-01-01 01:00:00,0",
            "dateTime",
        ),
    ] {
        let answer = rig.get(&format!("{local}{fields}")).await;
        let sidecar = json(rig.get(&links(&answer, "describedby")[0]).await).await;
        let column = &sidecar["tableSchema"]["columns"][0];
        assert_eq!((&column["titles"], &column["name"]), (&value!(name), &value!("timestamp")));
        assert_eq!(column["datatype"]["base"], datatype);
        assert!(column["dc:description"].as_str().unwrap().contains("Europe/Berlin"));
        assert_eq!(sidecar["notes"][0]["times"], "Europe/Berlin");
        let text = answer.text().await.unwrap();
        let text = text.trim_start_matches('\u{feff}');
        assert_eq!(text, format!("{name},P1\n{expected}\n"));
        let job = rig.get_as_job(&format!("{local}{fields}")).await;
        let job = job.headers()["location"].to_str().unwrap().to_owned();
        let file = rig.get(&format!("{job}?wait=30")).await.text().await.unwrap();
        assert_eq!(file.trim_start_matches('\u{feff}'), text);
    }
    let utc = "2026-01-01T00:00:00Z,0";
    for fields in ["times=utc", "tz=UTC&times=local", "tz=Etc/UTC&times=local", "tz=UTC&times=utc"]
    {
        let text = rig.get(&format!("/api/query?{day}&{fields}")).await.text().await.unwrap();
        assert_eq!(text, format!("timestamp,P1\n{utc}\n"), "{fields}");
    }
    for refused in [
        "times=local",
        "times=here&tz=Europe/Berlin",
        "times=local&tz=Europe/Berlin&dialect=report",
    ] {
        let answer = rig.get(&format!("/api/query?{day}&{refused}")).await;
        assert_eq!(answer.status(), 400, "{refused}");
        assert_eq!(json(answer).await["field"], "times", "{refused}");
    }
}

#[tokio::test]
async fn files_say_when_their_readings_were_stored() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = store::Options::default();
    options.clock = Some(|| at("2026-02-01T03:04:05Z"));
    let store = store::Embedded::open(folder.path().join("readings.redb"), options).unwrap();
    let options = Options { store: std::sync::Arc::new(store), ..Options::default() };
    let rig = Rig::start(options).await;
    rig.store.put(&readings(30)).await.unwrap();
    let ask = async |fields: &str| rig.get(&format!("/api/query?{DAY}&{fields}")).await;
    let stored = "2026-02-01T03:04:05Z";
    let csv = ask("metadata=true").await.text().await.unwrap();
    assert!(csv.contains(&format!("# Fetched and stored: {stored}\n")), "{csv}");
    let geojson = json(ask("format=geojson").await).await;
    assert_eq!(geojson["metadata"]["stored"], stored);
    let object = json(ask("format=json&metadata=true").await).await;
    assert_eq!(object["metadata"]["stored"], stored);
    let message = format!("\"stored\":\"{stored}\"");
    for format in ["parquet", "arrow"] {
        let file = ask(&format!("format={format}")).await.bytes().await.unwrap();
        let is_there = |text: &str| file.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(is_there(&message), "{format}");
    }
    let sidecar = rig.get(&format!("/api/query.csv-metadata.json?{DAY}")).await;
    assert_eq!(json(sidecar).await["notes"][0]["stored"], stored);
    let job = location(&rig.get_as_job(&format!("/api/query?{DAY}&metadata=true")).await);
    let file = rig.get(&format!("{job}?wait=30")).await.text().await.unwrap();
    assert_eq!(file, csv);
    let sidecar = json(rig.get(&format!("{job}/csv-metadata.json")).await).await;
    assert_eq!(sidecar["notes"][0]["stored"], stored);
}
