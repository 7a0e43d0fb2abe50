//! What can go wrong when asking L1.

/// Why L1 gave no answer, or none that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum L1Error {
    /// The address of the node makes no sense.
    #[error("L1 URL {url:?}: {message}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        message: String,
    },
    /// The node cannot be reached or broke off. Asking again may help.
    #[error("L1 node: {method}: {message}")]
    Transport {
        /// What was asked.
        method: String,
        /// What the connection said.
        message: String,
    },
    /// The node answered with an error.
    #[error("L1 node refused {method}: {message} (code {code})")]
    Rpc {
        /// What was asked.
        method: String,
        /// JSON-RPC code.
        code: i64,
        /// The node's words.
        message: String,
        /// The node's `data`: of a failed call what it returned, in hexadecimal.
        data: Option<String>,
    },
    /// The answer is not what the interface promises.
    #[error("L1 node: unusable answer to {method}: {message}")]
    Malformed {
        /// What was asked.
        method: String,
        /// What is wrong with the answer.
        message: String,
    },
}

impl L1Error {
    /// Whether the same question may be answered later: the node was not there, or was busy.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transport { .. })
    }

    pub(crate) fn malformed(method: &str, message: impl ToString) -> Self {
        Self::Malformed { method: method.into(), message: message.to_string() }
    }
}
