//! A Redis Cluster behind the bridge.

use serde_json::{Value, json};

use crate::support::{Start, StoreKind};
use crate::tenants::{self, Tenants};
use servers::cluster::Cluster;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_command_goes_to_the_node_of_its_key() {
    let cluster = Cluster::start(None);
    let start = Start::config(tenants::config("", "max-in-flight = 1000"));
    let tenants = Tenants::of(crate::support::Bridge::start(StoreKind::Url(cluster.url()), start));
    tenants.bridge.reaches_its_store();
    let a = &tenants.a;
    // A hundred keys are on all three nodes.
    for key in 0..100 {
        assert_eq!(a.result(&["SET", &format!("a:{key}"), &key.to_string()]).await, "OK");
    }
    for node in &cluster.nodes[..3] {
        assert_ne!(node.cli(&["DBSIZE"]), "0");
    }
    let names: Vec<String> = (0..100).map(|key| format!("a:{key}")).collect();
    let gets: Vec<Vec<&str>> = names.iter().map(|name| vec!["GET", name.as_str()]).collect();
    let expected: Value = (0..100).map(|key| json!({"result": key.to_string()})).collect();
    assert_eq!(a.pipeline(&gets).await.json(), expected);
    let mget: Vec<&str> = ["MGET"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let values: Value = (0..100).map(|key| json!(key.to_string())).collect();
    assert_eq!(a.result(&mget).await, values, "in the order of the keys");

    one_key_keeps_its_order(&tenants).await;
    transactions_stay_within_a_slot(&tenants).await;
    tenants_stay_apart(&tenants).await;
}

/// Commands on one key are carried out in the order of the pipeline.
async fn one_key_keeps_its_order(tenants: &Tenants) {
    let tasks: Vec<_> = (0..10)
        .map(|task| {
            let a = tenants.a.clone();
            tokio::spawn(async move {
                let key = format!("a:order-{task}");
                let mut commands = vec![vec!["SET", key.as_str(), ""]];
                let digits: Vec<String> = (0..100).map(|digit| format!("{digit},")).collect();
                commands.extend(digits.iter().map(|digit| vec!["APPEND", key.as_str(), digit.as_str()]));
                commands.push(vec!["GET", &key]);
                for _ in 0..2 {
                    let replies = a.pipeline(&commands).await.json();
                    assert_eq!(replies[101]["result"], digits.concat(), "{replies}");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn transactions_stay_within_a_slot(tenants: &Tenants) {
    let a = &tenants.a;
    let within = [vec!["SET", "a:{x}1", "1"], vec!["INCR", "a:{x}1"], vec!["GET", "a:{x}2"]];
    assert_eq!(a.transaction(&within).await.json(), json!([{"result": "OK"}, {"result": 2}, {"result": null}]));
    let across = [vec!["SET", "a:{x}3", "1"], vec!["SET", "a:{y}3", "1"], vec!["SET", "a:{z}3", "1"]];
    let refused = (400, "CROSSSLOT Keys in request don't hash to the same slot".to_owned());
    assert_eq!(a.transaction(&across).await.error(), refused);
    for key in ["a:{x}3", "a:{y}3", "a:{z}3"] {
        assert_eq!(a.result(&["EXISTS", key]).await, 0, "{key}");
    }
    // The connection is as good as before.
    assert_eq!(a.transaction(&within).await.json()[1], json!({"result": 2}));
}

async fn tenants_stay_apart(tenants: &Tenants) {
    let (a, b) = (&tenants.a, &tenants.b);
    assert_eq!(b.result(&["SET", "b:secret", "VALUE"]).await, "OK");
    let replies =
        a.pipeline(&[vec!["CLIENT", "REPLY", "SKIP"], vec!["GET", "b:secret"], vec!["GET", "a:1"]]).await.json();
    assert!(replies[0]["error"].is_string() && replies[1]["error"].is_string(), "{replies}");
    assert_eq!(replies[2]["result"], "1");
    assert_eq!(b.result(&["GET", "b:secret"]).await, "VALUE");
    let mut events = b.subscribe("/subscribe/b:news").await.unwrap();
    assert_eq!(events.next().await.unwrap(), "subscribe,b:news,1");
    assert_eq!(tenants.admin.command(&["PUBLISH", "b:news", "x"]).await.status, 200);
    assert_eq!(events.next().await.unwrap(), "message,b:news,x");
}

/// Half of the keys of a slot are on one node, half on another, and one by one each is found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_while_a_slot_is_half_moved() {
    let cluster = Cluster::start(None);
    let start = Start::config(tenants::config("", "max-in-flight = 1000"));
    let tenants = Tenants::of(crate::support::Bridge::start(StoreKind::Url(cluster.url()), start));
    tenants.bridge.reaches_its_store();
    let a = &tenants.a;
    let names: Vec<String> = (0..40).map(|key| format!("a:{{x}}{key}")).collect();
    for (at, name) in names.iter().enumerate() {
        assert_eq!(a.result(&["SET", name, &at.to_string()]).await, "OK");
    }
    let slot: u16 = cluster.nodes[0].cli(&["CLUSTER", "KEYSLOT", "a:{x}"]).parse().unwrap();
    let owner = usize::from(slot) * 3 / 16_384;
    let handle = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        cluster.move_slot(slot, owner, (owner + 1) % 3, || {
            handle.block_on(async {
                let tasks: Vec<_> = (0..8)
                    .map(|task| {
                        let (a, names) = (a.clone(), names.clone());
                        tokio::spawn(async move { half_moved(&a, &names, task).await })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
            });
        });
    });
}

async fn half_moved(a: &crate::client::Caller, names: &[String], task: usize) {
    let of_all = |name: &'static str| [name].into_iter().chain(names.iter().map(String::as_str)).collect::<Vec<_>>();
    let values: Value = (0..names.len()).map(|key| json!(key.to_string())).collect();
    let own: Vec<String> = (0..6).map(|key| format!("a:{{x}}own{task}:{key}")).collect();
    let counter = format!("a:{{x}}n{task}");
    for round in 1..=5 {
        assert_eq!(a.result(&of_all("MGET")).await, values);
        assert_eq!(a.result(&of_all("EXISTS")).await, names.len());
        let mset: Vec<&str> = ["MSET"].into_iter().chain(own.iter().flat_map(|name| [name.as_str(), "v"])).collect();
        assert_eq!(a.result(&mset).await, "OK");
        let del: Vec<&str> = ["UNLINK"].into_iter().chain(own.iter().map(String::as_str)).collect();
        let pipeline = [mset.clone(), vec!["GET", &own[5]], vec!["PTTL", &own[5]], del];
        let replies = a.pipeline(&pipeline).await.json();
        assert_eq!(replies, json!([{"result": "OK"}, {"result": "v"}, {"result": -1}, {"result": 6}]));
        let both = a.transaction(&[vec!["INCR", &counter], vec!["PEXPIRE", &counter, "900000"]]).await.json();
        assert_eq!(both, json!([{"result": 2 * round - 1}, {"result": 1}]));
        assert_eq!(a.result(&["INCR", &counter]).await, 2 * round);
    }
}
