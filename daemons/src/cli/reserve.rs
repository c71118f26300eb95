//! `--reserve`: room on the disk that only readings may use.

use std::path::Path;

use airshed::Disk;
use bytesize::ByteSize;
use clap::Args;

use super::Failure;
use super::store_flags::StoreFlags;

#[derive(Args, Clone)]
pub(super) struct ReserveFlag {
    /// Free space on the disk of the readings that only they may use, such as 500MiB: results and
    /// temporary files stop before it; 0: none [default: 1GiB, or 5 % of the disk if that is less]
    #[arg(long, env = "AIRSHED_RESERVE", value_name = "SIZE", value_parser = size)]
    reserve: Option<u64>,
}

pub(super) fn size(text: &str) -> Result<u64, &'static str> {
    let size = text.parse::<ByteSize>().map(|size| size.as_u64());
    size.map_err(|_| "expected a size, such as 500MiB or 2GB; 0 for none")
}

impl ReserveFlag {
    /// The disk of the store's file, whose folder may not be there yet; without such a file, one without
    /// an end.
    pub(super) fn disk(&self, store: &StoreFlags) -> Result<Disk, Failure> {
        let Some(file) = store.file() else { return Ok(Disk::default()) };
        let folder = file.ancestors().skip(1).find(|folder| folder.is_dir());
        let folder = folder.unwrap_or(Path::new("."));
        let disk = Disk::of(folder, self.reserve).map_err(|error| {
            format!("cannot find out how much room is free in {}: {error}", folder.display())
        })?;
        Ok(disk)
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("1GiB"), Ok(1 << 30));
        assert_eq!(size("500 MB"), Ok(500_000_000));
        for wrong in ["", "-1", "much", "1 parsec"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
