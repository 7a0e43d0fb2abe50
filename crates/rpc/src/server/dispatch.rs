//! From a message to its answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use axum::body::Bytes;
use futures_util::FutureExt;
use futures_util::future::join_all;

use super::BlockingPool;
use super::envelope::{BadRequest, Request, envelope_error, split_array, write_answer};
use super::metrics::ServerMetrics;
use super::subscription::Session;
use crate::error::{INTERNAL_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, RESPONSE_TOO_LARGE};
use crate::registry::{Answer, Handler};
use crate::{Context, Method, Registry, RpcError};

/// Up to so many quick reads of a batch run on the connection's own task; more would keep other
/// connections waiting for milliseconds.
const INLINE_READS_MAX: usize = 16;

/// A batch of slow reads is split into parts of at least this size, which run in parallel.
const READS_PER_PART_MIN: usize = 8;

/// Answers messages. Cheap to clone.
#[derive(Clone)]
pub struct Dispatcher {
    context: Context,
    registry: Registry,
    pool: BlockingPool,
    metrics: ServerMetrics,
}

/// A request that reached a method.
#[derive(Clone)]
struct Call {
    method: Arc<Method>,
    params: Option<Bytes>,
}

/// A request of a message.
struct Item {
    /// Text of the id; `None` for a notification, which is not answered.
    id: Option<Bytes>,
    /// Whether an answer goes out. A broken request is answered under the id null.
    answered: bool,
    call: Result<Call, RpcError>,
}

/// How requests next to each other in a batch may run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Together, on blocking threads.
    Read,
    /// Together, waiting.
    Wait,
    /// As one call of this method.
    Many(&'static str),
    /// Alone, after all before it.
    Alone,
}

impl Dispatcher {
    /// A dispatcher for the methods of `registry`.
    pub fn new(context: Context, registry: Registry) -> Self {
        let pool = BlockingPool::new(&context.config);
        let metrics = ServerMetrics::new(&registry);
        Self { context, registry, pool, metrics }
    }

    /// What the methods see.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Answers the JSON text `body`; `None` when it holds notifications only.
    pub async fn answer(&self, body: &Bytes) -> Option<Vec<u8>> {
        self.answer_in(body, None).await
    }

    /// The same within a WebSocket session, which has subscriptions.
    pub(super) async fn answer_in(
        &self,
        body: &Bytes,
        session: Option<&Session>,
    ) -> Option<Vec<u8>> {
        let text = match std::str::from_utf8(body) {
            Ok(text) => text,
            Err(_) => return Some(self.refuse(RpcError::parse("invalid UTF-8"))),
        };
        if text.trim_start().starts_with('[') {
            return self.answer_batch(body, text, session).await;
        }
        let item = self.item(body, text);
        if !item.answered {
            let _ = self.run_all(std::slice::from_ref(&item), session).await;
            return None;
        }
        let mut answers = self.run_all(std::slice::from_ref(&item), session).await;
        let answer = answers.pop()?;
        let mut out = Vec::with_capacity(64 + answer.as_ref().map_or(128, |raw| raw.get().len()));
        write_answer(&mut out, item.id_text(), &answer);
        Some(out)
    }

    async fn answer_batch(
        &self,
        body: &Bytes,
        text: &str,
        session: Option<&Session>,
    ) -> Option<Vec<u8>> {
        let texts = match split_array(text, self.context.config.batch_limit) {
            Ok(Some(texts)) => texts,
            Ok(None) => {
                return Some(self.refuse(RpcError::new(INVALID_REQUEST, "batch too large")));
            }
            Err(error) => return Some(self.refuse(envelope_error(&error))),
        };
        if texts.is_empty() {
            return Some(self.refuse(RpcError::new(INVALID_REQUEST, "empty batch")));
        }
        let items: Vec<Item> = texts.into_iter().map(|text| self.item(body, text.get())).collect();
        let answers = self.run_all(&items, session).await;
        let mut out = Vec::new();
        for (item, answer) in items.iter().zip(&answers) {
            if item.answered {
                out.push(if out.is_empty() { b'[' } else { b',' });
                write_answer(&mut out, item.id_text(), answer);
            }
        }
        if out.is_empty() {
            return None;
        }
        out.push(b']');
        Some(out)
    }

    /// The answer to something that is no request.
    pub(super) fn refuse(&self, error: RpcError) -> Vec<u8> {
        self.metrics.refused.increment(1);
        let mut out = Vec::new();
        write_answer(&mut out, None, &Err(error));
        out
    }

    /// Reads one request; `text` is a part of `body`.
    fn item(&self, body: &Bytes, text: &str) -> Item {
        let part = |part: &str| body.slice_ref(part.as_bytes());
        match Request::parse(text) {
            Ok(request) => {
                let call = match self.registry.get(&request.method) {
                    Some(method) => Ok(Call {
                        method: method.clone(),
                        params: request.params.map(|params| part(params.get())),
                    }),
                    None => Err(RpcError::method_not_found(&request.method)),
                };
                if call.is_err() {
                    self.metrics.refused.increment(1);
                }
                let id = request.id.map(|id| part(id.get()));
                Item { answered: id.is_some(), id, call }
            }
            Err(BadRequest { id, error }) => {
                self.metrics.refused.increment(1);
                Item { id: id.map(|id| part(id.get())), answered: true, call: Err(error) }
            }
        }
    }

    /// Runs `items`: neighbours of one class together, the classes in order.
    async fn run_all(&self, items: &[Item], session: Option<&Session>) -> Vec<Answer> {
        let budget = Budget::new(self.context.config.response_limit_bytes);
        let mut answers = Vec::with_capacity(items.len());
        let mut rest = items;
        while let Some(first) = rest.first() {
            let class = first.class();
            let count = match class {
                Class::Alone => 1,
                _ => rest.iter().take_while(|item| item.class() == class).count(),
            };
            let (group, others) = rest.split_at(count);
            rest = others;
            match class {
                Class::Read => self.run_reads(group, &budget, &mut answers).await,
                Class::Wait => {
                    let running = group.iter().map(|item| self.run_waiting(item, &budget));
                    answers.extend(join_all(running).await);
                }
                Class::Many(_) => self.run_many(group, &budget, &mut answers).await,
                Class::Alone => answers.push(self.run_alone(first, &budget, session).await),
            }
        }
        answers
    }

    async fn run_reads(&self, group: &[Item], budget: &Budget, answers: &mut Vec<Answer>) {
        let light = group.iter().all(Item::is_light);
        if light && group.len() <= INLINE_READS_MAX {
            answers.extend(group.iter().map(|item| self.run_here(item.call.clone(), budget)));
            return;
        }
        let calls: Vec<_> = group.iter().map(|item| item.call.clone()).collect();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let part_len = calls.len().div_ceil(threads).max(READS_PER_PART_MIN);
        let parts = calls.chunks(part_len).map(|part| {
            let (this, part, budget) = (self.clone(), part.to_vec(), budget.clone());
            let len = part.len();
            async move {
                let work = move || -> Vec<Answer> {
                    part.into_iter().map(|call| this.run_here(call, &budget)).collect()
                };
                let result = self.pool.run(work).await;
                result.unwrap_or_else(|error| vec![Err(error); len])
            }
        });
        answers.extend(join_all(parts).await.into_iter().flatten());
    }

    /// Runs a synchronous method on this thread.
    fn run_here(&self, call: Result<Call, RpcError>, budget: &Budget) -> Answer {
        let Call { method, params } = call?;
        budget.check()?;
        let start = Instant::now();
        let answer = match &method.handler {
            Handler::Light(handler) | Handler::Blocking(handler) | Handler::Ordered(handler) => {
                guarded(&method, || {
                    handler(&self.context, &method.parse_params(text(params.as_ref()))?)
                })
            }
            Handler::Future(_) | Handler::Many(_) | Handler::Session => {
                Err(RpcError::internal("not synchronous"))
            }
        };
        let answer = budget.spend(answer);
        self.metrics.record(method.name, start, &answer);
        answer
    }

    async fn run_waiting(&self, item: &Item, budget: &Budget) -> Answer {
        let Call { method, params } = item.call.clone()?;
        let Handler::Future(handler) = &method.handler else {
            return Err(RpcError::internal("not asynchronous"));
        };
        budget.check()?;
        let start = Instant::now();
        let started = guarded(&method, || {
            handler(&self.context, &method.parse_params(text(params.as_ref()))?)
        });
        let answer = match started {
            Ok(future) => match AssertUnwindSafe(future).catch_unwind().await {
                Ok(answer) => answer,
                Err(_) => Err(panicked(&method)),
            },
            Err(error) => Err(error),
        };
        let answer = budget.spend(answer);
        self.metrics.record(method.name, start, &answer);
        answer
    }

    /// Runs calls of one method as one.
    async fn run_many(&self, group: &[Item], budget: &Budget, answers: &mut Vec<Answer>) {
        let start = Instant::now();
        let calls: Vec<&Call> = group.iter().filter_map(|item| item.call.as_ref().ok()).collect();
        let Some(Call { method, .. }) = calls.first() else { return };
        let Handler::Many(handler) = &method.handler else { return };
        let started = guarded(method, || {
            let params = calls.iter().map(|call| {
                budget.check()?;
                method.parse_params(text(call.params.as_ref()))
            });
            Ok(handler(&self.context, params.collect()))
        });
        let done = match started {
            Ok(future) => {
                AssertUnwindSafe(future).catch_unwind().await.map_err(|_| panicked(method))
            }
            Err(error) => Err(error),
        };
        let done = done.unwrap_or_else(|error| calls.iter().map(|_| Err(error.clone())).collect());
        for answer in done {
            let answer = budget.spend(answer);
            self.metrics.record(method.name, start, &answer);
            answers.push(answer);
        }
    }

    async fn run_alone(&self, item: &Item, budget: &Budget, session: Option<&Session>) -> Answer {
        let call = item.call.clone()?;
        if !matches!(call.method.handler, Handler::Session) {
            let (this, budget) = (self.clone(), budget.clone());
            return self.pool.run(move || this.run_here(Ok(call), &budget)).await?;
        }
        let Some(session) = session else {
            return Err(RpcError::new(METHOD_NOT_FOUND, "notifications not supported"));
        };
        let start = Instant::now();
        let answer = guarded(&call.method, || {
            let params = call.method.parse_params(text(call.params.as_ref()))?;
            session.run(&self.context, call.method.name, &params)
        });
        self.metrics.record(call.method.name, start, &answer);
        answer
    }
}

impl Item {
    fn id_text(&self) -> Option<&str> {
        text(self.id.as_ref())
    }

    fn class(&self) -> Class {
        match &self.call {
            Ok(call) => match call.method.handler {
                Handler::Light(_) | Handler::Blocking(_) => Class::Read,
                Handler::Future(_) => Class::Wait,
                Handler::Many(_) => Class::Many(call.method.name),
                Handler::Ordered(_) | Handler::Session => Class::Alone,
            },
            Err(_) => Class::Read,
        }
    }

    fn is_light(&self) -> bool {
        match &self.call {
            Ok(call) => matches!(call.method.handler, Handler::Light(_)),
            Err(_) => true,
        }
    }
}

/// Parts of a body are UTF-8, since the whole was checked and cut between JSON tokens.
fn text(part: Option<&Bytes>) -> Option<&str> {
    part.and_then(|part| std::str::from_utf8(part).ok())
}

/// A defect in a method must not take the connection down.
fn guarded<T>(method: &Method, run: impl FnOnce() -> Result<T, RpcError>) -> Result<T, RpcError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(panicked(method)))
}

fn panicked(method: &Method) -> RpcError {
    tracing::error!(method = method.name, "method panicked");
    metrics::counter!("jovay_rpc_panics_total").increment(1);
    RpcError::new(INTERNAL_ERROR, "internal error")
}

/// Bytes that the answers to one message may still take.
#[derive(Clone)]
struct Budget {
    spent: Arc<AtomicUsize>,
    limit: usize,
}

impl Budget {
    fn new(limit: usize) -> Self {
        Self { spent: Arc::default(), limit }
    }

    fn too_large() -> RpcError {
        RpcError::new(RESPONSE_TOO_LARGE, "response too large")
    }

    fn check(&self) -> Result<(), RpcError> {
        // Relaxed: what counts is the sum, whoever adds to it.
        if self.spent.load(Ordering::Relaxed) > self.limit {
            return Err(Self::too_large());
        }
        Ok(())
    }

    fn spend(&self, answer: Answer) -> Answer {
        let answer = answer?;
        let before = self.spent.fetch_add(answer.get().len(), Ordering::Relaxed);
        if before.saturating_add(answer.get().len()) > self.limit {
            return Err(Self::too_large());
        }
        Ok(answer)
    }
}
