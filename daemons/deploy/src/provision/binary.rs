use airshed_common::hexadecimal;
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// The binary, built for the machines.
#[derive(Debug, Clone)]
pub struct Binary {
    pub(super) bytes: Bytes,
    pub(super) sha256: String,
    arm: bool,
}

/// The file is not a program that the machines can run.
#[derive(Debug, thiserror::Error)]
#[error("{0}; set --binary to an airshed built for Linux on x86_64 or aarch64")]
pub struct BadBinary(&'static str);

impl Binary {
    /// Checks that the file is a program for Linux, by its header (System V ABI, "ELF Header";
    /// machines 62 and 183).
    pub fn read(bytes: Vec<u8>) -> Result<Self, BadBinary> {
        if !bytes.starts_with(b"\x7fELF\x02\x01") {
            return Err(BadBinary("the program is not built for 64-bit Linux"));
        }
        let machine = bytes.get(18..20).map(|machine| [machine[0], machine[1]]);
        let arm = match machine.map(u16::from_le_bytes) {
            Some(62) => false,
            Some(183) => true,
            _ => {
                return Err(BadBinary(
                    "the program is built for a processor that AWS does not \
                                       offer",
                ));
            }
        };
        let sha256 = hexadecimal(&Sha256::digest(&bytes));
        Ok(Self { bytes: bytes.into(), sha256, arm })
    }

    /// Its SHA-256.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The default instance type for it.
    pub fn instance_type(&self) -> &'static str {
        if self.arm { "t4g.micro" } else { "t3.micro" }
    }

    /// The machine image for it: the SSM parameter with the newest image.
    pub(super) fn image(&self) -> &'static str {
        match self.arm {
            true => "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
            false => "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Binary;

    #[test]
    fn programs_for_other_systems_are_refused() {
        let elf = |machine: u16| {
            let mut file = b"\x7fELF\x02\x01\x01".to_vec();
            file.resize(18, 0);
            file.extend(machine.to_le_bytes());
            file
        };
        assert_eq!(Binary::read(elf(62)).unwrap().instance_type(), "t3.micro");
        assert_eq!(Binary::read(elf(183)).unwrap().instance_type(), "t4g.micro");
        for wrong in [vec![], elf(8), elf(62)[..18].to_vec(), b"#!/bin/sh\n".to_vec()] {
            let message = Binary::read(wrong).unwrap_err().to_string();
            assert!(message.contains("--binary"), "{message}");
        }
    }
}
