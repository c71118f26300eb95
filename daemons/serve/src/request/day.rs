//! The request for all readings of a day, as a file at a lasting address.

use jiff::civil::Date;
use store::{Network, Window};

/// The columns: those that are stored, the index, and the flags.
const COLUMNS: &str = "timestamp,network,sensor_id,P1,P2,AQI,Range,flags,hours,samples,temperature,\
    humidity,loc_id,loc_lat,loc_long,loc_alt,loc_country,exact_location,indoor,sensor_type,window,\
    stored_flags,id";

/// The fields of the request for a day's Parquet file, as a query string.
pub fn fields_of_day(network: Network, window: Window, date: Date) -> String {
    format!(
        "startDate={date}&endDate={date}&network={network}&window={window}&format=parquet\
         &columns={COLUMNS}"
    )
}

/// The path of a day's file below the address of all of them: `my-school/1h/2026-11-25.parquet`.
pub fn path_of_day(network: Network, window: Window, date: Date) -> String {
    format!("{network}/{window}/{date}.parquet")
}
