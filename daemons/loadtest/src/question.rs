//! The default query: the report's, for an hour for which the server has readings.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{REPORTS_QUERY, Target};

/// Why there is no default query.
#[derive(Debug, thiserror::Error)]
pub enum NoQuestion {
    /// The server did not answer `/api/summary`.
    #[error("{0} does not answer /api/summary: is it an Airshed server?")]
    Silent(String, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// It has no readings.
    #[error("{0} has no readings yet: wait for its first collection, or test `airshed demo`")]
    Empty(String),
}

#[derive(Deserialize)]
struct Summary {
    newest: Option<Timestamp>,
    index: Option<String>,
    countries: Vec<Country>,
}

#[derive(Deserialize)]
struct Country {
    country: Option<String>,
    readings: u64,
}

#[derive(Deserialize)]
struct Estimate {
    rows: u64,
}

/// The newest full hour of the country with the most readings, `Low`, as in the report; or, if that
/// has no rows, the nearest query that has.
pub async fn default_question(target: &Target) -> Result<Map<String, Value>, NoQuestion> {
    let client = reqwest::Client::new();
    let ask = QueryRequest { client, target: target.to_string() };
    let summary: Summary = ask.get("/api/summary").await?;
    let most = summary.countries.iter().max_by_key(|country| country.readings);
    let Some((newest, most)) = summary.newest.zip(most) else {
        return Err(NoQuestion::Empty(target.to_string()));
    };
    // `Low` is a band of the UK's index, as in the report, whatever the server's default index.
    let other = summary.index.filter(|index| !index.starts_with("uk_daqi"));
    for mut question in candidates(newest, most.country.as_deref()) {
        if other.is_some() {
            question.insert("index".to_owned(), json!("uk_daqi"));
        }
        let query = in_an_address(&question);
        let estimate: Estimate = ask.get(&format!("/api/estimate?{query}")).await?;
        if estimate.rows > 0 {
            return Ok(question);
        }
    }
    Err(NoQuestion::Empty(target.to_string()))
}

struct QueryRequest {
    client: reqwest::Client,
    target: String,
}

impl QueryRequest {
    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, NoQuestion> {
        let read = async {
            let answer = self.client.get(format!("{}{path}", self.target)).send().await?;
            let body = answer.error_for_status()?.bytes().await?;
            Ok(serde_json::from_slice(&body)?)
        };
        read.await.map_err(|error| NoQuestion::Silent(self.target.clone(), error))
    }
}

fn candidates(newest: Timestamp, country: Option<&str>) -> Vec<Map<String, Value>> {
    let hour = SignedDuration::from_hours(1);
    let second = SignedDuration::from_secs(1);
    let begun = SignedDuration::from_secs(newest.as_second().rem_euclid(3600));
    let this = newest.saturating_sub(begun).unwrap_or(newest);
    let spans = [
        (this.saturating_sub(hour), this.saturating_sub(second)),
        (Ok(this), this.saturating_add(hour - second)),
        (this.saturating_sub(hour * 24), this.saturating_add(hour)),
    ];
    let spans = spans.map(|(from, until)| (from.unwrap_or(this), until.unwrap_or(this)));
    let filters = [(country, true), (country, false), (None, false)];
    let questions = spans.into_iter().flat_map(|(from, until)| {
        filters.into_iter().map(move |(country, low)| {
            let plain = |moment: Timestamp| moment.strftime("%Y-%m-%d %H:%M:%S").to_string();
            let mut question = match serde_json::from_str(REPORTS_QUERY) {
                Ok(Value::Object(question)) => question,
                _ => Map::new(), // it is one
            };
            question.insert("startDate".to_owned(), json!(plain(from)));
            question.insert("endDate".to_owned(), json!(plain(until)));
            question.remove("country");
            question.extend(country.map(|country| ("country".to_owned(), json!(country))));
            if !low {
                question.remove("range");
            }
            question
        })
    });
    questions.collect()
}

fn in_an_address(question: &Map<String, Value>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs = question.iter().map(|(name, value)| (name, text(value)));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
