//! Pseudonyms of clients, for records that must not contain their addresses.

use airshed_common::hexadecimal;
use object_store::path::Path;
use object_store::{PutMode, PutPayload};
use sha2::{Digest, Sha256};

use super::{Jobs, JobsError};

/// Characters of a pseudonym.
const LENGTH: usize = 16;

impl Jobs {
    /// The pseudonym of a client: a part of the hash of its name, with a salt that is kept beside the
    /// records, so that it is the same in all processes.
    pub async fn pseudonym(&self, name: &str) -> Result<String, JobsError> {
        let salt = self.salt.get_or_try_init(|| self.read_salt()).await?;
        let mut text = hexadecimal(&Sha256::new().chain_update(salt).chain_update(name).finalize());
        text.truncate(LENGTH);
        Ok(text)
    }

    async fn read_salt(&self) -> Result<[u8; 32], JobsError> {
        let path = Path::from("salt");
        loop {
            if let Some((salt, _)) = self.read(&path).await? {
                // One that was cut short is as good: it is only hashed again.
                return Ok(Sha256::digest(&salt).into());
            }
            let new: [u8; 32] = rand::random();
            let payload = PutPayload::from(new.to_vec());
            match self.objects.put_opts(&path, payload, PutMode::Create.into()).await {
                Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => {}
                Err(source) => return Err(JobsError { path, source }),
            }
        }
    }
}
