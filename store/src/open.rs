use std::sync::Arc;

use crate::{Embedded, Error, ErrorKind, Memory, Options, Store};

/// Opens the store that a URL names: `memory:` or `file:PATH`.
///
/// [`Invalid`](ErrorKind::Invalid) for any other; opening a file fails as
/// [`Embedded::open`] does.
pub async fn open(url: &str, options: Options) -> Result<Arc<dyn Store>, Error> {
    if url == "memory:" {
        return Ok(Arc::new(Memory::new()));
    }
    let path = url.strip_prefix("file:").filter(|path| !path.is_empty()).map(str::to_owned);
    let Some(path) = path else {
        let message = format!("`{url}` is no store: give memory: or file:PATH");
        return Err(Error::new(ErrorKind::Invalid, message));
    };
    let opened = tokio::task::spawn_blocking(move || Embedded::open(path, options)).await;
    let opened = opened.map_err(|e| Error::new(ErrorKind::Damaged, "opening failed").because(e));
    Ok(Arc::new(opened??))
}
