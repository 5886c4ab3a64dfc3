//! A bridge with two tenants, one of whom is left in peace while the other attacks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use isocache_bridge::access::Digest;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::{Caller, in_time};
use crate::support::{Bridge, Start, StoreKind};
use servers::{Folder, PATIENCE};

pub const A: &str = "token-of-tenant-a-9a41c0";
pub const B: &str = "token-of-tenant-b-77f0e2";
pub const READER: &str = "token-that-only-reads-51d";
pub const ADMIN: &str = "token-of-the-admin-c3390";
/// The secret of the key that signs minted tokens.
pub const SIGNING: &str = "a-signing-secret-of-forty-bytes-or-so-0042";

/// What tenant B keeps. Nobody else may ever see it.
pub const SECRET: &str = "VALUE-OF-B-8f21";
/// A key of B's whose name nobody else knows.
pub const HIDDEN: &str = "b:hidden-name-6610";

/// Tenant A has the keys and channels `a:`, B has `b:`; one token reads `a:`, one is the admin's; a key signs tokens that
/// read `user:`. `more` are other sections or fields of `[listen]`, `limits` the limits of A.
pub fn config(more: &str, limits: &str) -> String {
    let token = |name: &str, token: &str, role: &str, scope: &str, more: &str| {
        let digest = Digest::of(token.as_bytes());
        format!("[[token]]\nname = \"{name}\"\nsha256 = \"{digest}\"\nrole = \"{role}\"\n{scope}\n{more}\n")
    };
    let own = |prefix: &str| format!("prefixes = [\"{prefix}\"]\nchannels = [\"{prefix}\"]");
    let tokens = [
        token("a", A, "read-write", &own("a:"), &format!("limits = {{ {limits} }}")),
        token("b", B, "read-write", &own("b:"), ""),
        token("reader", READER, "read-only", &own("a:"), ""),
        token("admin", ADMIN, "admin", "", ""),
    ];
    let key = format!(
        "[[signing.keys]]\nid = \"k1\"\nsecret = \"{SIGNING}\"\nrole = \"read-only\"\nprefixes = [\"user:\"]\n"
    );
    format!("{more}\n{}{key}", tokens.concat())
}

/// The bridge and who is there.
pub struct Tenants {
    pub bridge: Bridge,
    pub a: Caller,
    pub b: Caller,
    pub reader: Caller,
    pub admin: Caller,
}

impl Tenants {
    /// The usual bridge, with something of each tenant's in the store.
    pub async fn start(store: StoreKind) -> Self {
        Self::with(store, Start::config(config("", ""))).await
    }

    pub async fn with(store: StoreKind, start: Start) -> Self {
        let tenants = Self::of(Bridge::start(store, start));
        let set = [
            vec!["MSET", "b:secret", SECRET, "b:other", "another", HIDDEN, SECRET, "b:count", "0"],
            vec!["MSET", "a:own", "A-OWN", "a:two", "2", "user:4:name", "four", "user:42:name", SECRET],
        ];
        let set = in_time(async || tenants.admin.pipeline(&set).await).await;
        assert_eq!(set.json(), json!([{"result": "OK"}, {"result": "OK"}]), "{}", tenants.bridge.log());
        tenants
    }

    /// Those of a bridge that is running.
    pub fn of(bridge: Bridge) -> Self {
        let (a, b) = (bridge.caller(A), bridge.caller(B));
        let (reader, admin) = (bridge.caller(READER), bridge.caller(ADMIN));
        Self { bridge, a, b, reader, admin }
    }

    pub fn folder(&mut self) -> Arc<Folder> {
        self.bridge.start.folder()
    }

    /// Lets B work on in the background, and looks at every response.
    pub fn watch(&self) -> Watch {
        let rounds = Arc::new(AtomicUsize::new(0));
        let ended = Arc::new(AtomicBool::new(false));
        let tasks = (0..3).map(|worker| {
            let (b, rounds, ended) = (self.b.clone(), Arc::clone(&rounds), Arc::clone(&ended));
            tokio::spawn(async move {
                let mut round = 0;
                while !ended.load(Ordering::SeqCst) {
                    work(&b, &format!("echo-{worker}-{round}")).await;
                    round += 1;
                    rounds.fetch_add(1, Ordering::SeqCst);
                }
            })
        });
        Watch { tasks: tasks.collect(), rounds, ended }
    }

    /// The other tenant is served, and what it has is what it had.
    pub async fn b_is_well(&self) {
        work(&self.b, "well").await;
    }
}

/// What B asks for, in every form; each response has to be B's own.
async fn work(b: &Caller, unique: &str) {
    assert_eq!(b.result(&["GET", "b:secret"]).await, SECRET);
    let replies = b
        .pipeline(&[vec!["ECHO", unique], vec!["GET", "b:other"], vec!["GET", "b:missing"], vec!["STRLEN", "b:secret"]])
        .await;
    let expected = json!([{"result": unique}, {"result": "another"}, {"result": null}, {"result": SECRET.len()}]);
    assert_eq!(replies.json(), expected);
    let replies = b.transaction(&[vec!["INCR", "b:count"], vec!["GET", HIDDEN], vec!["ECHO", unique]]).await.json();
    assert!(replies[0]["result"].as_u64().is_some_and(|count| count > 0), "{replies}");
    assert_eq!(replies[1]["result"], SECRET);
    assert_eq!(replies[2]["result"], unique);
}

/// B at work.
pub struct Watch {
    tasks: Vec<JoinHandle<()>>,
    rounds: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
}

impl Watch {
    /// Ends it, after some more responses to B.
    pub async fn finish(self) {
        let enough = self.rounds.load(Ordering::SeqCst) + 2 * self.tasks.len();
        let wait = async {
            while self.rounds.load(Ordering::SeqCst) < enough && !self.tasks.iter().any(JoinHandle::is_finished) {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
            self.ended.store(true, Ordering::SeqCst);
            for task in self.tasks {
                task.await.unwrap();
            }
        };
        timeout(PATIENCE, wait).await.expect("tenant B is not served any more");
    }
}
