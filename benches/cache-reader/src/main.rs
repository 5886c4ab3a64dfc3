//! Reads from a cache what a benchmark in JavaScript asks for: a line `ID KEY` on standard input is answered by `ID value
//! NUMBER`, `ID none` or `ID error TEXT`. The arguments are the cache, the URL of Redis, and how many entries may be kept.

mod cache;

use std::error::Error;
use std::sync::Arc;

use cache::Cache;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, url, entries] = &arguments[..] else { return Err("usage: cache-reader CACHE URL ENTRIES".into()) };
    let cache = Arc::new(Cache::open(kind, url, entries.parse()?).await?);
    let (sender, mut answers) = mpsc::unbounded_channel::<String>();
    sender.send("ready".to_owned())?;
    let writer = tokio::spawn(async move {
        let mut out = tokio::io::stdout();
        while let Some(answer) = answers.recv().await {
            out.write_all(format!("{answer}\n").as_bytes()).await?;
            out.flush().await?;
        }
        Ok::<(), std::io::Error>(())
    });
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let Some((id, key)) = line.split_once(' ').map(|(id, key)| (id.to_owned(), key.to_owned())) else {
            return Err(format!("no ID and KEY: {line}").into());
        };
        let (cache, sender) = (Arc::clone(&cache), sender.clone());
        tokio::spawn(async move {
            let answer = match cache.get(&key).await {
                Ok(Some(value)) => format!("{id} value {value}"),
                Ok(None) => format!("{id} none"),
                Err(error) => format!("{id} error {}", error.replace('\n', " ")),
            };
            // It fails if the other side has gone away; then this ends as well.
            drop(sender.send(answer));
        });
    }
    drop(sender);
    writer.await??;
    Ok(())
}
