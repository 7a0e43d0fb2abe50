//! The methods, each declared once together with its handler.
//!
//! A declaration carries what the OpenRPC document says about the method, so the document cannot
//! drift from the code.

mod openrpc;
pub mod schema;

pub(crate) use openrpc::document;
pub use openrpc::openrpc_document;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::jovay::SequencerApi;
use crate::params::Params;
use crate::{Context, RpcError};

/// What a method answers: JSON text, or an error.
pub type Answer = Result<Box<RawValue>, RpcError>;

/// What a method waits for.
pub type Waiting<T> = BoxFuture<'static, Result<T, RpcError>>;

type SyncHandler = dyn Fn(&Context, &Params<'_>) -> Answer + Send + Sync;
/// What many calls of one method wait for; the answers are in the order of the calls.
pub type WaitingMany<T> = BoxFuture<'static, Vec<Result<T, RpcError>>>;

type ManyHandler =
    dyn Fn(&Context, Vec<Result<Params<'_>, RpcError>>) -> WaitingMany<Box<RawValue>> + Send + Sync;
type AsyncHandler =
    dyn Fn(&Context, &Params<'_>) -> Result<BoxFuture<'static, Answer>, RpcError> + Send + Sync;

/// How a method runs.
#[derive(Clone)]
pub enum Handler {
    /// On the connection's own task: a few microseconds, at most one short read of the disk.
    Light(Arc<SyncHandler>),
    /// On a blocking thread: disk scans, execution, proofs.
    Blocking(Arc<SyncHandler>),
    /// On a blocking thread, and within a batch after all that stands before it.
    Ordered(Arc<SyncHandler>),
    /// Waits for something, such as the pool's decision.
    Future(Arc<AsyncHandler>),
    /// The same; calls next to each other in a batch are handled as one.
    Many(Arc<ManyHandler>),
    /// Belongs to the WebSocket session; over HTTP it is refused.
    Session,
}

/// A parameter's declaration.
#[derive(Clone)]
pub struct Param {
    /// Its name in the document.
    pub name: &'static str,
    /// Whether it may not be left out.
    pub required: bool,
    /// Its JSON schema.
    pub schema: Value,
}

/// A method's declaration and handler.
#[derive(Clone)]
pub struct Method {
    /// The name on the wire.
    pub name: &'static str,
    /// One sentence for the document.
    pub summary: &'static str,
    /// Parameters by position.
    pub params: Vec<Param>,
    /// Name and JSON schema of the result.
    pub result: (&'static str, Value),
    /// Errors that the method has of its own, as code and message.
    pub errors: Vec<(i32, &'static str)>,
    /// What runs.
    pub handler: Handler,
}

impl Method {
    /// Starts a declaration.
    pub fn new(name: &'static str, summary: &'static str) -> Self {
        Self {
            name,
            summary,
            params: Vec::new(),
            result: ("result", schema::any()),
            errors: Vec::new(),
            handler: Handler::Session,
        }
    }

    /// Adds a required parameter.
    pub fn param(mut self, name: &'static str, schema: Value) -> Self {
        self.params.push(Param { name, required: true, schema });
        self
    }

    /// Adds an optional parameter.
    pub fn optional(mut self, name: &'static str, schema: Value) -> Self {
        self.params.push(Param { name, required: false, schema });
        self
    }

    /// Describes the result.
    pub fn returns(mut self, name: &'static str, schema: Value) -> Self {
        self.result = (name, schema);
        self
    }

    /// Adds an error of the method's own.
    pub fn error(mut self, code: i32, message: &'static str) -> Self {
        self.errors.push((code, message));
        self
    }

    /// Completes it with a handler that answers at once: see [`Handler::Light`].
    pub fn light<T: Serialize + 'static>(
        mut self,
        handler: fn(&Context, &Params<'_>) -> Result<T, RpcError>,
    ) -> Self {
        self.handler = Handler::Light(sync(handler));
        self
    }

    /// Completes it with a handler for a blocking thread: see [`Handler::Blocking`].
    pub fn blocking<T: Serialize + 'static>(
        mut self,
        handler: fn(&Context, &Params<'_>) -> Result<T, RpcError>,
    ) -> Self {
        self.handler = Handler::Blocking(sync(handler));
        self
    }

    /// Completes it with a handler that changes something: see [`Handler::Ordered`].
    pub fn ordered<T: Serialize + 'static>(
        mut self,
        handler: fn(&Context, &Params<'_>) -> Result<T, RpcError>,
    ) -> Self {
        self.handler = Handler::Ordered(sync(handler));
        self
    }

    /// Completes it with a handler that reads its parameters and returns what to wait for.
    pub fn future<T: Serialize + 'static>(
        mut self,
        handler: fn(&Context, &Params<'_>) -> Result<Waiting<T>, RpcError>,
    ) -> Self {
        self.handler = Handler::Future(Arc::new(move |context, params| {
            let future = handler(context, params)?;
            Ok(Box::pin(async move { to_answer(&future.await?) }))
        }));
        self
    }

    /// Completes it with a handler for many calls at once: `read` reads the parameters of each, and
    /// `run` is given what was read and returns as many answers, in the same order.
    pub fn many<P: Send + 'static, T: Serialize + 'static>(
        mut self,
        read: fn(&Params<'_>) -> Result<P, RpcError>,
        run: fn(&Context, Vec<P>) -> WaitingMany<T>,
    ) -> Self {
        self.handler = Handler::Many(Arc::new(move |context, calls| {
            let mut usable = Vec::with_capacity(calls.len());
            let refused = calls.into_iter().map(|params| match params.and_then(|p| read(&p)) {
                Ok(read) => {
                    usable.push(read);
                    None
                }
                Err(error) => Some(error),
            });
            let refused: Vec<_> = refused.collect();
            let running = run(context, usable);
            Box::pin(async move {
                let mut answers = running.await.into_iter();
                let answer = |refused| match refused {
                    Some(error) => Err(error),
                    None => match answers.next() {
                        Some(answer) => to_answer(&answer?),
                        None => Err(RpcError::internal("no answer")),
                    },
                };
                refused.into_iter().map(answer).collect()
            })
        }));
        self
    }

    /// Reads the parameters against the declaration.
    ///
    /// # Errors
    /// `-32602`: no array, too many, or a required one missing.
    pub fn parse_params<'a>(&self, text: Option<&'a str>) -> Result<Params<'a>, RpcError> {
        let params = Params::parse(text, self.params.len())?;
        for (index, param) in self.params.iter().enumerate() {
            if param.required && params.raw(index).is_none() {
                return Err(RpcError::invalid_params(format!(
                    "missing value for required argument {index}"
                )));
            }
        }
        Ok(params)
    }
}

fn sync<T: Serialize + 'static>(
    handler: fn(&Context, &Params<'_>) -> Result<T, RpcError>,
) -> Arc<SyncHandler> {
    Arc::new(move |context, params| to_answer(&handler(context, params)?))
}

pub(crate) fn to_answer<T: Serialize>(value: &T) -> Answer {
    to_raw_value(value).map_err(RpcError::internal)
}

/// All methods of a node, by name.
#[derive(Clone)]
pub struct Registry {
    methods: Arc<HashMap<&'static str, Arc<Method>>>,
}

impl Registry {
    /// The methods of a node; `dev` adds those of a development chain.
    pub fn new(dev: bool) -> Self {
        let methods = all(dev).into_iter().map(|method| (method.name, Arc::new(method))).collect();
        Self { methods: Arc::new(methods) }
    }

    /// The same for a node that makes no batches: what needs them is asked of `sequencer`.
    pub fn following(self, sequencer: &Arc<dyn SequencerApi>) -> Self {
        let asking = |method: &Arc<Method>| {
            let method = crate::jovay::forwarded(Method::clone(method), sequencer);
            (method.name, Arc::new(method))
        };
        Self { methods: Arc::new(self.methods.values().map(asking).collect()) }
    }

    /// The method with this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Method>> {
        self.methods.get(name)
    }

    /// All methods, by name.
    pub fn sorted(&self) -> Vec<&Arc<Method>> {
        let mut methods: Vec<_> = self.methods.values().collect();
        methods.sort_by_key(|method| method.name);
        methods
    }
}

/// Every module adds its declarations here.
fn all(dev: bool) -> Vec<Method> {
    let mut methods = Vec::new();
    methods.extend(crate::call::methods());
    methods.extend(crate::debug::methods());
    methods.extend(crate::eth::methods());
    methods.extend(crate::jovay::methods());
    methods.extend(crate::ots::methods());
    methods.extend(crate::simulate::methods());
    methods.extend(crate::trace::methods());
    methods.extend(crate::rpc_info::methods());
    methods.extend(crate::txpool::methods());
    methods.extend(crate::web3::methods());
    if dev {
        methods.extend(crate::dev::methods());
    }
    methods
}
