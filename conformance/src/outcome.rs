//! What became of a case.

use serde_json::{Value, json};

/// One case with its result.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The case's name in its file.
    pub test: String,
    /// The fork or network.
    pub fork: String,
    /// Why it failed; `None` when it passed.
    pub error: Option<String>,
    /// More fields of its JSON object.
    pub details: Value,
}

impl Outcome {
    /// The JSON object in revme's shape.
    pub fn to_json(&self) -> Value {
        let mut object = json!({
            "pass": self.error.is_none(),
            "errorMsg": self.error.as_deref().unwrap_or_default(),
            "fork": self.fork,
            "test": self.test,
        });
        if let (Some(object), Value::Object(details)) = (object.as_object_mut(), &self.details) {
            object.extend(details.clone());
        }
        object
    }
}

/// A failed case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// File, below the directory of the suite.
    pub file: String,
    /// The case's name.
    pub test: String,
    /// The fork or network.
    pub fork: String,
    /// Why.
    pub error: String,
}

/// The result of a suite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files read.
    pub files: usize,
    /// Cases that passed.
    pub passed: usize,
    /// Cases that failed, by file and name.
    pub failures: Vec<Failure>,
}

impl Summary {
    /// Cases that failed.
    pub fn failed(&self) -> usize {
        self.failures.len()
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed())
    }
}
