//! An embedded durable store: put, close, open, query, render as CSV.
//!
//! `cargo run -p airshed-examples --bin own_store`
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::sync::Arc;

use store::{Column, Embedded, Encoder, Options, Pages, Query, Reading, Store, Window};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("readings.redb");

    let mut reading = Reading::new(28842, Window::Day24, "2020-06-11T09:40:41Z".parse()?);
    reading.pm10 = Some("51.5".parse()?); // µg/m³
    reading.pm25 = Some("20".parse()?);
    reading.country = Some("DE".parse()?);
    {
        let store = Embedded::open(&path, Options::default())?;
        store.put(&[reading]).await?; // on disk when this returns
    }

    let store = Embedded::open(&path, Options::default())?;
    let mut query = Query::new("2020-06-11T00:00:00Z".parse()?, "2020-06-11T23:59:59Z".parse()?);
    query.countries = vec!["DE".parse()?];
    query.indices = Some((4, 10));

    let mut file = Vec::new();
    let mut encoder = Encoder::new("csv".parse()?, Column::DEFAULT, store::ATTRIBUTION)?;
    let mut pages = Pages::new(Arc::new(store), query);
    while let Some(page) = pages.next().await {
        encoder.page(&mut file, &page?)?; // one page in memory at a time
    }
    encoder.finish(&mut file)?;
    let text = String::from_utf8(file)?;
    print!("{text}");
    assert_eq!(text.lines().count(), 2);
    Ok(())
}
