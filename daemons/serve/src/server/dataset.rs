//! `/dataset` and `/dataset.jsonld`: what the server offers, for people, search engines and
//! catalogues.
//!
//! The page has schema.org's `Dataset` in it. The JSON-LD is DCAT-AP 3 with the properties of a
//! high-value dataset (DCAT-AP HVD 3.0): those of Commission Implementing Regulation (EU) 2023/138,
//! category *Earth observation and environment*.

use std::fmt::Write as _;

use http::header::VARY;
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::{AqiStandard, Country, Format, Network};

use super::answer::{Answer, respond, set};
use super::html::{escaped, grouped, html_page};
use super::media_type::{HTML, prefers};
use super::problem::Problem;
use super::{Shared, address};
use crate::networks::Terms;

const PAGE: &str = include_str!("../../page/dataset.html");

const MEDIA_TYPE: &str = "application/ld+json";

const TITLE: &str = "Air-quality readings of particulate matter";

const DESCRIPTION: &str = "Readings of PM10 and PM2.5 by low-cost sensors, each with an air-quality \
    index and quality flags, as files of any selection. Particulate matter only: no ozone, nitrogen \
    dioxide or sulphur dioxide. The sensors are not reference instruments: values and indices are \
    indicative.";

const KEYWORDS: [&str; 5] =
    ["air quality", "particulate matter", "PM10", "PM2.5", "citizen science"];

/// What the server offers now.
struct Offer {
    /// The server's URL up to its base path; only that if the host is not known, so that URLs are relative.
    base: String,
    base_path: String,
    networks: Vec<(Network, Terms)>,
    licences: Vec<String>,
    attribution: String,
    readings: u64,
    extent: Option<(Timestamp, Timestamp)>,
    countries: Vec<Country>,
    index: AqiStandard,
    /// How often new readings come, if this process collects them.
    every: Option<SignedDuration>,
}

/// The page, or the JSON-LD for clients that prefer it.
pub(super) async fn page(shared: &Shared, headers: &HeaderMap) -> Result<Answer, Problem> {
    let mut answer = match prefers(headers, &[MEDIA_TYPE, "application/json"], HTML) {
        true => json_ld(shared, headers).await?,
        false => html_page(StatusCode::OK, Offer::of(shared, headers).await?.page()),
    };
    set(&mut answer, VARY, "accept");
    Ok(answer)
}

/// The description for catalogues.
pub(super) async fn json_ld(shared: &Shared, headers: &HeaderMap) -> Result<Answer, Problem> {
    let description = Offer::of(shared, headers).await?.dcat();
    Ok(respond(StatusCode::OK, MEDIA_TYPE, description.to_string()))
}

impl Offer {
    async fn of(shared: &Shared, headers: &HeaderMap) -> Result<Self, Problem> {
        let everything = shared.server.everything().await?;
        let summary = shared.server.store.summary().await?;
        let networks = &shared.server.networks;
        let of_networks = networks.of(&everything);
        Ok(Self {
            base: address::of(headers, "").unwrap_or_else(|| address::base(headers).to_owned()),
            base_path: address::base(headers).to_owned(),
            networks: of_networks.map(|(network, terms)| (network, terms.clone())).collect(),
            licences: networks.licences(&everything).into_iter().map(str::to_owned).collect(),
            attribution: networks.attribution(&everything),
            readings: summary.readings(),
            extent: summary.extent,
            countries: summary.countries.iter().filter_map(|(country, _)| *country).collect(),
            index: shared.server.index,
            every: shared.server.feed.as_ref().and_then(|feed| feed.every()),
        })
    }

    /// Whether all of it may be reused, as the regulation demands; simulated data are no such dataset.
    fn is_high_value(&self) -> bool {
        self.networks.iter().all(|(_, terms)| terms.licence.is_some())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// All data in a format.
    fn url_of(&self, format: Format) -> String {
        let name = format.name();
        self.url(&match self.extent {
            Some((oldest, newest)) => {
                format!("/api/query?startDate={oldest}&endDate={newest}&window=all&columns=all&format={name}")
            }
            None => "/dataset".to_owned(),
        })
    }

    /// DCAT-AP 3, as a graph of the dataset, its distributions and its service.
    fn dcat(&self) -> Value {
        let distributions = Format::ALL.iter().map(|format| self.distribution(*format));
        let iri = |iri: &String| json!({ "@id": iri });
        let creator = |(network, terms): &(Network, Terms)| {
            json!({
                "@type": "foaf:Agent",
                "foaf:name": terms.attribution,
                "dct:identifier": network.as_str(),
            })
        };
        let place = |country: &Country| json!({ "@type": "dct:Location", "dct:identifier": country.as_str() });
        let keyword = |word: &str| json!({ "@value": word, "@language": "en" });
        let mut dataset = json!({
            "@context": context(),
            "@id": self.url("/dataset"),
            "@type": "dcat:Dataset",
            "dct:title": { "@value": TITLE, "@language": "en" },
            "dct:description": { "@value": DESCRIPTION, "@language": "en" },
            "dct:identifier": self.url("/dataset"),
            "dcat:landingPage": { "@id": self.url("/dataset") },
            "dcat:keyword": KEYWORDS.map(keyword),
            "dcat:theme": { "@id": authority("data-theme/ENVI") },
            "dct:accessRights": { "@id": authority("access-right/PUBLIC") },
            "dct:license": self.licences.iter().map(iri).collect::<Vec<_>>(),
            "dct:rights": { "@type": "dct:RightsStatement", "rdfs:label": self.attribution },
            "dct:creator": self.networks.iter().map(creator).collect::<Vec<_>>(),
            "dct:publisher": self.operator("foaf:Agent", "foaf:name", "foaf:homepage"),
            "dcat:contactPoint": self.operator("vcard:Organization", "vcard:fn", "vcard:hasURL"),
            "dct:spatial": self.countries.iter().map(place).collect::<Vec<_>>(),
            "dcat:distribution": distributions.collect::<Vec<_>>(),
        });
        if self.is_high_value() {
            dataset["dcatap:hvdCategory"] = json!({ "@id": HVD_CATEGORY });
            dataset["dcatap:applicableLegislation"] = json!({ "@id": HVD_LEGISLATION });
        }
        if let Some((oldest, newest)) = self.extent {
            let moment = |moment: Timestamp| json!({ "@value": moment, "@type": "xsd:dateTime" });
            dataset["dct:temporal"] = json!({
                "@type": "dct:PeriodOfTime",
                "dcat:startDate": moment(oldest),
                "dcat:endDate": moment(newest),
            });
        }
        if let Some(every) = self.every {
            let frequency = authority(&format!("frequency/{}", frequency(every)));
            dataset["dct:accrualPeriodicity"] = json!({ "@id": frequency });
        }
        dataset
    }

    fn distribution(&self, format: Format) -> Value {
        let mut service = json!({
            "@id": self.url("/openapi.json"),
            "@type": "dcat:DataService",
            "dct:title": { "@value": "Airshed's HTTP API", "@language": "en" },
            "dcat:endpointURL": { "@id": self.url("/api/query") },
            "dcat:endpointDescription": { "@id": self.url("/openapi.json") },
            "dcat:servesDataset": { "@id": self.url("/dataset") },
        });
        if self.is_high_value() {
            service["dcatap:hvdCategory"] = json!({ "@id": HVD_CATEGORY });
            service["dcatap:applicableLegislation"] = json!({ "@id": HVD_LEGISLATION });
        }
        let mut distribution = json!({
            "@id": self.url(&format!("/dataset#{}", format.name())),
            "@type": "dcat:Distribution",
            "dct:title": { "@value": format.name(), "@language": "en" },
            "dcat:accessURL": { "@id": self.url_of(format) },
            "dct:license": self.licences.iter().map(|iri| json!({ "@id": iri })).collect::<Vec<_>>(),
            "dcat:accessService": service,
        });
        if self.is_high_value() {
            distribution["dcatap:applicableLegislation"] = json!({ "@id": HVD_LEGISLATION });
        }
        if let Some(kind) = registered(format) {
            let iri = format!("http://www.iana.org/assignments/media-types/{kind}");
            distribution["dcat:mediaType"] = json!({ "@id": iri });
        }
        if let Format::Csv(_) | Format::Json(_) | Format::GeoJson = format {
            let kind = authority(&format!("file-type/{}", format.name().to_uppercase()));
            distribution["dct:format"] = json!({ "@id": kind });
        }
        distribution
    }

    /// The deployment's operator, of whom only the address is known.
    fn operator(&self, kind: &str, name: &str, link: &str) -> Value {
        let host = self.base.split("//").nth(1).unwrap_or("this server");
        json!({
            "@type": kind,
            name: format!("Operator of {host}"),
            link: { "@id": self.url("/") },
        })
    }

    /// schema.org's `Dataset`.
    fn schema_org(&self) -> Value {
        let download = |format: &Format| {
            json!({
                "@type": "DataDownload",
                "encodingFormat": bare_media_type(*format),
                "contentUrl": self.url_of(*format),
            })
        };
        let creator = |(network, terms): &(Network, Terms)| json!({ "@type": "Organization", "name": network.as_str(), "description": terms.attribution });
        let variable = |name: &str, unit: &str| json!({ "@type": "PropertyValue", "name": name, "unitText": unit });
        let mut dataset = json!({
            "@context": "https://schema.org/",
            "@type": "Dataset",
            "@id": self.url("/dataset"),
            "url": self.url("/dataset"),
            "name": TITLE,
            "description": DESCRIPTION,
            "keywords": KEYWORDS,
            "isAccessibleForFree": true,
            "license": self.licences,
            "creditText": self.index.credit(&self.attribution),
            "creator": self.networks.iter().map(creator).collect::<Vec<_>>(),
            "measurementTechnique": "optical particle counters of low cost",
            "variableMeasured": [
                variable("PM10", "µg/m³"),
                variable("PM2.5", "µg/m³"),
                variable(self.index.standard().name, "index"),
            ],
            "spatialCoverage": self.countries.iter()
                .map(|country| json!({ "@type": "Place", "address": country.as_str() }))
                .collect::<Vec<_>>(),
            "distribution": Format::ALL.iter().map(download).collect::<Vec<_>>(),
        });
        if let Some((oldest, newest)) = self.extent {
            dataset["temporalCoverage"] = format!("{oldest}/{newest}").into();
        }
        dataset
    }

    fn page(&self) -> String {
        let period = match self.extent {
            Some((oldest, newest)) => format!("{oldest} to {newest} (UTC)"),
            None => "there are no readings yet".to_owned(),
        };
        let countries: Vec<_> = self.countries.iter().map(|country| country.as_str()).collect();
        let mut sources = String::new();
        for (network, terms) in &self.networks {
            let licence = terms.licence.as_ref().map_or(String::new(), |url| {
                format!(" (<a href=\"{}\">licence</a>)", escaped(url))
            });
            let (network, words) = (escaped(network.as_str()), escaped(&terms.attribution));
            let _ = writeln!(sources, "<li>{network}: {words}{licence}</li>");
        }
        let mut files = String::new();
        for format in Format::ALL {
            let (url, kind) = (escaped(&self.url_of(*format)), bare_media_type(*format));
            let name = format.name();
            let _ = writeln!(files, "<li id=\"{name}\"><a href=\"{url}\">{name}</a> ({kind})</li>");
        }
        PAGE.replace("{{base}}", &self.base_path)
            .replace("{{title}}", TITLE)
            .replace("{{description}}", DESCRIPTION)
            .replace("{{readings}}", &grouped(self.readings))
            .replace("{{period}}", &period)
            .replace("{{countries}}", &countries.join(", "))
            .replace("{{index}}", &escaped(self.index.standard().name))
            .replace("{{sources}}", &sources)
            .replace("{{files}}", &files)
            // Last: it is data, in which nothing is replaced. It cannot end the script element.
            .replace("{{json}}", &self.schema_org().to_string().replace('<', "\\u003c"))
    }
}

const HVD_CATEGORY: &str = "http://data.europa.eu/bna/c_dd313021";
const HVD_LEGISLATION: &str = "http://data.europa.eu/eli/reg_impl/2023/138/oj";

/// A term of the EU's authority tables.
fn authority(term: &str) -> String {
    format!("http://publications.europa.eu/resource/authority/{term}")
}

/// The code in the EU's table of frequencies.
fn frequency(every: SignedDuration) -> &'static str {
    match every.as_mins() {
        ..=15 => "UPDATE_CONT",
        60 => "HOURLY",
        1440 => "DAILY",
        10_080 => "WEEKLY",
        _ => "OTHER",
    }
}

fn bare_media_type(format: Format) -> &'static str {
    format.media_type().split(';').next().unwrap_or_default()
}

/// The media type, if IANA has registered it.
fn registered(format: Format) -> Option<&'static str> {
    Some(bare_media_type(format)).filter(|kind| !kind.contains("/x-"))
}

fn context() -> Value {
    json!({
        "dcat": "http://www.w3.org/ns/dcat#",
        "dcatap": "http://data.europa.eu/r5r/",
        "dct": "http://purl.org/dc/terms/",
        "foaf": "http://xmlns.com/foaf/0.1/",
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
        "vcard": "http://www.w3.org/2006/vcard/ns#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
    })
}
