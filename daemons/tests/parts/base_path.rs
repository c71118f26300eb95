//! A server below a path of another one: every address that it gives leads back to it.

use airshed::server::{BasePath, BasePathError};
use proptest::prelude::*;
use serde_json::Value;

use super::support::{Options, Rig, json, location, readings};

const ALL: &str = "/api/query?startDate=2026-01-01&endDate=2026-01-31";

async fn rig(base_path: &str) -> Rig {
    let base_path = base_path.parse().unwrap();
    let rig = Rig::start(Options { base_path, ..Options::default() }).await;
    rig.store.put(&readings(7)).await.unwrap();
    rig
}

/// The targets of a page's links, forms and resources.
fn addresses(html: &str) -> Vec<String> {
    let after = |name| html.split(name).skip(1).filter_map(|rest| rest.split('"').next());
    let all = ["href=\"", "src=\"", "action=\""].into_iter().flat_map(after);
    all.map(str::to_owned).collect()
}

/// The target of the link to the description of a file.
fn description(answer: &reqwest::Response) -> String {
    let links = answer.headers().get_all("link").iter();
    let mut links = links.map(|link| link.to_str().unwrap());
    let link = links.find(|link| link.contains("rel=\"describedby\"")).unwrap();
    link.trim_start_matches('<').split('>').next().unwrap().to_owned()
}

#[tokio::test]
async fn every_address_leads_back_to_the_server_with_a_prefix_that_stays_or_is_stripped() {
    let rig = rig("/air/quality").await;
    let is_ours = |address: &str| address.starts_with("/air/quality/") || !address.starts_with('/');
    for prefix in ["/air/quality", ""] {
        let get = async |path: &str| rig.get(&format!("{prefix}{path}")).await;
        for page in ["/", "/form", "/dataset", "/sensor/100"] {
            let answer = get(page).await;
            assert_eq!(answer.status(), 200, "{prefix}{page}");
            let links = addresses(&answer.text().await.unwrap());
            assert!(!links.is_empty(), "{page}");
            for link in links.iter().filter(|link| link.starts_with('/')) {
                assert!(is_ours(link), "{page}: {link}");
                let status = rig.get(&link.replace("&amp;", "&")).await.status();
                // The form's own address has no fields.
                assert!(status == 200 || link.ends_with("/api/query"), "{page}: {link}: {status}");
            }
        }
        let answer = get(ALL).await;
        let described = description(&answer);
        assert!(is_ours(&described), "{described}");
        assert_eq!(rig.get(&described).await.status(), 200);

        let answer = rig.get_as_job(&format!("{prefix}{ALL}")).await;
        let location = location(&answer);
        assert!(location.starts_with("/air/quality/api/results/"), "{location}");
        assert_eq!(json(answer).await["location"], location.as_str());
        let answer = rig.get(&format!("{location}?wait=30")).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(description(&answer), format!("{location}/csv-metadata.json"));
        let record = json(rig.get(&format!("{location}/status")).await).await;
        let citation = record["record"]["citation"].as_str().unwrap();
        assert!(citation.contains(&format!("{}{location}", rig.base)), "{citation}");

        let document = json(get("/openapi.json").await).await;
        assert_eq!(document["servers"][0]["url"], "/air/quality");
        let dataset: Value = json(get("/dataset.jsonld").await).await;
        let own = format!("{}/air/quality/dataset", rig.base);
        assert_eq!(dataset["@graph"][0]["@id"].as_str().or(dataset["@id"].as_str()), Some(&*own));
        let browser = rig.http.get(format!("{}{prefix}/nowhere", rig.base));
        let page = browser.header("accept", "text/html").send().await.unwrap();
        assert_eq!(page.status(), 404);
        let page = page.text().await.unwrap();
        assert!(addresses(&page).iter().all(|link| is_ours(link)), "{page}");
    }
}

/// The page's own addresses are relative to it.
#[tokio::test]
async fn the_base_path_itself_leads_to_the_page() {
    let rig = rig("/air").await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let client = client.build().unwrap();
    for (path, location) in [("/air", "/air/"), ("/air?view=map", "/air/?view=map")] {
        let answer = client.get(format!("{}{path}", rig.base)).send().await.unwrap();
        assert_eq!(answer.status(), 308);
        assert_eq!(answer.headers()["location"], location);
    }
    for path in ["/airs", "/airshed/api/summary", "/air/air/healthz"] {
        assert_eq!(rig.get(path).await.status(), 404, "{path}");
    }
}

/// Only the server says where it is.
#[tokio::test]
async fn a_client_cannot_set_the_base_path() {
    for base_path in ["", "/air"] {
        let rig = rig(base_path).await;
        let request = rig.http.get(format!("{}{ALL}", rig.base));
        let request = request.header("x-forwarded-prefix", "/elsewhere");
        let answer = request.header("prefer", "respond-async").send().await.unwrap();
        assert!(location(&answer).starts_with(&format!("{base_path}/api/results/")));
    }
}

#[test]
fn a_base_path_is_plain_and_none_of_the_server_s_own() {
    for (text, path) in
        [("", ""), ("/", ""), ("/air", "/air"), ("/air/", "/air"), ("/a.b/~c", "/a.b/~c")]
    {
        assert_eq!(text.parse::<BasePath>().map(|path| path.to_string()).as_deref(), Ok(path));
    }
    for wrong in
        ["air", "//air", "/a//b", "/a/../b", "/.", "/ä", "/a b", "/a?b", "/api", "/data/x", "/form"]
    {
        assert_eq!(wrong.parse::<BasePath>(), Err(BasePathError), "{wrong}");
    }
}

proptest! {
    /// What is accepted needs no escaping wherever it is written, and reads back as itself.
    #[test]
    fn a_base_path_can_be_written_anywhere(text in "[/a-z.\"<>&? %ä-]{0,12}") {
        if let Ok(path) = text.parse::<BasePath>() {
            let written = path.to_string();
            prop_assert!(!written.contains(['"', '<', '>', '&', '?', ' ', '%', '\\']));
            prop_assert!(written.is_empty() || written.starts_with('/') && !written.ends_with('/'));
            prop_assert_eq!(written.parse::<BasePath>(), Ok(path));
        }
    }
}
