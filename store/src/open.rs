use std::fs::FileType;
use std::path::Path;
use std::sync::Arc;

use crate::{Embedded, Error, ErrorKind, Memory, Options, Store};

/// Options for opening a store by URL.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct OpenOptions {
    /// Options of a file.
    pub file: Options,
    /// Options of a table on AWS.
    #[cfg(feature = "dynamodb")]
    pub table: crate::dynamodb::DynamoDbOptions,
}

/// Opens the store of a URL: `memory:`, `file:PATH` or, with the feature `dynamodb`,
/// `dynamodb:TABLE`, with region and credentials resolved as by the AWS tools.
///
/// [`Invalid`](ErrorKind::Invalid) for any other; opening a file fails as
/// [`Embedded::open`] does, a table as `DynamoDb::open` does.
pub async fn open(url: &str, options: OpenOptions) -> Result<Arc<dyn Store>, Error> {
    if url == "memory:" {
        return Ok(Arc::new(Memory::new()));
    }
    #[cfg(feature = "dynamodb")]
    if let Some(table) = url.strip_prefix("dynamodb:") {
        return Ok(Arc::new(crate::dynamodb::DynamoDb::open(table, options.table).await?));
    }
    #[cfg(not(feature = "dynamodb"))]
    if url.starts_with("dynamodb:") {
        let message = format!("`{url}`: this build does not support DynamoDB (feature `dynamodb`)");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let path = url.strip_prefix("file:").filter(|path| !path.is_empty()).map(str::to_owned);
    let Some(path) = path else {
        let message =
            format!("invalid store URL `{url}`; expected memory:, file:PATH or dynamodb:TABLE");
        return Err(Error::new(ErrorKind::Invalid, message));
    };
    let opened = tokio::task::spawn_blocking(move || {
        check_is_file(Path::new(&path))?;
        Embedded::open(path, options.file)
    })
    .await;
    let opened = opened.map_err(|e| Error::new(ErrorKind::Damaged, "opening failed").because(e));
    Ok(Arc::new(opened??))
}

/// Names the type of a path that is not a file: the system's errors are unclear, and opening a pipe
/// blocks until its other end is opened.
fn check_is_file(path: &Path) -> Result<(), Error> {
    let found = std::fs::metadata(path).map(|found| found.file_type());
    match found.ok().and_then(kind_of) {
        None => Ok(()), // a file, or an error of opening
        Some(what) => {
            let message = format!("{} is {what}, not a store file", path.display());
            Err(Error::new(ErrorKind::Invalid, message))
        }
    }
}

fn kind_of(found: FileType) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kinds = [
            (found.is_fifo(), "a pipe"),
            (found.is_socket(), "a socket"),
            (found.is_char_device() || found.is_block_device(), "a device"),
        ];
        if let Some((_, kind)) = kinds.into_iter().find(|(is, _)| *is) {
            return Some(kind);
        }
    }
    found.is_dir().then_some("a directory")
}
