//! What a run leaves for the next one until it has written the addresses file.

use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256};
use jovay_l1::{Deployment, DeploymentError};
use serde::{Deserialize, Serialize};

use crate::DeployError;

/// The file beside the addresses file while a deployment is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Begun {
    /// Hash of the configuration.
    pub(crate) config_hash: B256,
    /// Who deploys.
    pub(crate) deployer: Address,
    /// Chain id of L1.
    pub(crate) l1_chain_id: u64,
    /// The mailbox as planned: it differs if the build does.
    pub(crate) mailbox: Address,
    /// The last L1 block before anything was deployed.
    pub(crate) first_block: u64,
}

impl Begun {
    /// Where it is for the addresses file `out`.
    pub(crate) fn path(out: &Path) -> PathBuf {
        let mut name = out.as_os_str().to_owned();
        name.push(".begun");
        name.into()
    }

    /// What an earlier run left; `None` if there was none.
    pub(crate) fn read(out: &Path) -> Result<Option<Self>, DeployError> {
        let path = Self::path(out);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(DeploymentError::File { path, source }.into()),
        };
        toml::from_str(&text).map(Some).map_err(|error| {
            let message = error.to_string().trim_end().to_owned();
            DeploymentError::Parse { path, message }.into()
        })
    }

    /// Leaves it for a later run, as a whole or not at all, and on the disk.
    pub(crate) fn write(&self, out: &Path) -> Result<(), DeployError> {
        let path = Self::path(out);
        let file = |source| DeploymentError::File { path: path.clone(), source };
        let text = toml::to_string(self).map_err(|error| file(std::io::Error::other(error)))?;
        let draft = path.with_extension("draft");
        let written = std::fs::write(&draft, text)
            .and_then(|()| std::fs::File::open(&draft)?.sync_all())
            .and_then(|()| std::fs::rename(&draft, &path));
        Ok(written.map_err(file)?)
    }

    /// Removes it: the addresses file says everything.
    pub(crate) fn remove(out: &Path) -> Result<(), DeployError> {
        let path = Self::path(out);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(DeploymentError::File { path, source }.into())
            }
            _ => Ok(()),
        }
    }
}

/// What differs between two deployments in the names of a person; `None` if nothing does.
pub(crate) fn difference(planned: &Deployment, found: &Begun) -> Option<String> {
    if found.l1_chain_id != planned.l1_chain_id {
        return Some(format!("on L1 chain {}", found.l1_chain_id));
    }
    if found.deployer != planned.deployer {
        return Some(format!("by deployer {}", found.deployer));
    }
    if found.config_hash != planned.config_hash {
        return Some("with another configuration".into());
    }
    None
}
