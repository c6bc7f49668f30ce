use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{File, parse_str};

use super::check;
use crate::{
    diagnostics::Diagnostics,
    items::{Block, Item},
};

/// The first lines of all errors and warnings.
fn errors(function: &TokenStream) -> Vec<String> {
    let mut block = Block::read(&quote!(impl Flow { #function })).expect("it is a block");
    let mut diagnostics = Diagnostics::default();
    check(&mut block, None, &mut diagnostics);
    let mut said: Vec<String> = texts(&diagnostics.into_items().to_string(), "compile_error !");
    for item in &block.items {
        if let Item::Function(function) = item {
            for note in &function.notes {
                said.extend(texts(&note.to_string(), "note ="));
            }
        }
    }
    said
}

fn texts(tokens: &str, before: &str) -> Vec<String> {
    let texts = tokens.split(before).skip(1).map(|error| {
        let error = error.trim_start_matches([' ', '{', '(', '"']);
        error.split("\\n").next().unwrap_or_default().to_owned()
    });
    texts.collect()
}

#[track_caller]
fn assert_fine(body: &TokenStream) {
    let function = quote!(async fn run(ctx: &mut WorkflowContext<Self>) { #body });
    assert_eq!(errors(&function), [""; 0], "in {body}");
}

#[track_caller]
fn assert_found(body: &TokenStream, what: &str) {
    let function = quote!(async fn run(ctx: &mut WorkflowContext<Self>) { #body });
    let errors = errors(&function);
    assert!(
        errors.len() == 1 && errors[0].starts_with(&format!("`{what}`")),
        "{errors:?} in {body}"
    );
}

/// The samples say of themselves whether they are found; the end-to-end tests run them.
#[test]
fn the_macro_finds_the_samples_that_say_so() {
    let text = include_str!("../../../tests/tests/workflows/nondeterminism/samples.rs");
    let samples: File = parse_str(text).expect("the samples compile elsewhere");
    let mut count = 0;
    for item in samples.items {
        let syn::Item::Fn(sample) = item else {
            continue;
        };
        let says = sample.attrs[0].to_token_stream().to_string();
        let is_expected = says.contains("compile time |");
        assert!(is_expected || says.contains("- |"), "{says}");
        let found = errors(&sample.to_token_stream());
        assert_eq!(
            !found.is_empty(),
            is_expected,
            "{}: {found:?}",
            sample.sig.ident
        );
        count += 1;
    }
    assert!(count >= 60, "{count}");
}

#[test]
fn what_a_context_or_an_activity_does_is_never_looked_at() {
    assert_fine(&quote! {
        ctx.sleep(Duration::from_secs(1)).await?;
        ctx.timer(duration).await?;
        ctx.spawn(async |ctx| ctx.now()).await?;
        ctx.start_activity(Clock::Instant::now, (), options()).await?;
        ctx.start_activity(Local::now, (), options()).await?;
        ctx.start_local_activity(thread::sleep, duration, options()).await?;
        saga.step(fs::write, path, options()).compensate_with(fs::remove_file, path, options()).await?;
        ctx.side_effect(|| rand::random::<u64>())?;
        ctx.with_timeout(limit, async |ctx| ctx.cancelled().await).await?;
        self.clock.now();
        select! { _ = ctx.sleep(limit) => {} reason = ctx.cancelled() => { drop(reason) } }
        let _ = steadfast::workflow::Mutex::new(5);
        let _ = Semaphore::new(5);
    });
}

#[test]
fn what_is_the_same_in_every_replay_is_fine() {
    assert_fine(&quote! {
        let shared = std::sync::Arc::new(5);
        let address = std::net::Ipv4Addr::LOCALHOST;
        let limit = tokio::time::Duration::from_secs(1);
        let mut generator = rand::rngs::StdRng::seed_from_u64(ctx.random_u64());
        let error: std::env::VarError = error;
        let both = futures::join!(one, other);
        let rates: BTreeMap<u32, u32> = BTreeMap::new();
        for rate in &rates {}
        let known: HashMap<u32, u32> = HashMap::new();
        let rate = known.get(&5);
        let all = known.values().count();
        let sorted: BTreeMap<_, _> = known.into_iter().collect::<BTreeMap<_, _>>();
        let fixed: HashMap<u32, u32, FixedState> = HashMap::default();
        for rate in &fixed {}
        let text: &'static str = "static";
        tracing::info!("said once: {text}");
    });
}

#[test]
fn what_depends_on_no_order_is_fine() {
    assert_fine(&quote! {
        let known: HashMap<u32, u32> = HashMap::new();
        let sorted: BTreeMap<u32, u32> = known.into_iter().collect();
        let all: u32 = known.values().sum();
        let most = known.values().copied().max();
        let any = known.iter().any(|(_, rate)| *rate > 5);
        let mut names: Vec<u32> = known.keys().copied().collect();
        names.sort_unstable();
        let mut rates = known.into_values().collect::<Vec<_>>();
        rates.sort();
        let again: HashSet<u32> = known.into_keys().collect();
    });
    assert_found(
        &quote! {
            let known: HashMap<u32, u32> = HashMap::new();
            let names: Vec<u32> = known.keys().copied().collect();
            first(&names);
        },
        "known.keys",
    );
    assert_found(
        &quote! {
            let known: HashMap<u32, u32> = HashMap::new();
            let mut names: Vec<u32> = known.keys().copied().collect();
            first(&names);
            names.sort();
        },
        "known.keys",
    );
}

#[test]
fn what_is_only_named_or_a_text_is_fine() {
    assert_fine(&quote! {
        let address = reqwest::Url::parse("http://localhost")?;
        let fine = reqwest::StatusCode::OK.as_u16();
        let method = reqwest::Method::GET;
        let pool: Option<sqlx::PgPool> = None;
        let text = stringify!(std::time::Instant::now());
        let text = "Instant::now()";
        sleep(ctx, 5).await?;
        timeout(5);
        spawn(1);
        let clock = Clock { time: 5 };
        let waited = clock.elapsed();
        if !ctx.is_replaying() { tracing::info!("once"); }
    });
    let helper = quote! {
        #[cfg(test)]
        fn helper() -> std::time::Instant { std::time::Instant::now() }
    };
    assert_eq!(errors(&helper), [""; 0]);
}

#[test]
fn names_that_show_it_are_found() {
    for (body, what) in [
        (quote!(let a: u64 = random();), "random"),
        (
            quote!(let a = RandomState::default();),
            "RandomState::default",
        ),
        (
            quote!(unsafe {
                COUNT += 1;
            }),
            "COUNT",
        ),
        (quote!(let a = COUNT.load(order);), "COUNT"),
        (quote!(let a = SEEN.insert(5);), "SEEN"),
        (quote!(let a = LIMIT.acquire().await;), "LIMIT"),
        (
            quote!(let a = dashmap::DashMap::<u8, u8>::new();),
            "dashmap::DashMap::new",
        ),
        (quote!(let a = format!("{:p}", &b);), "{:p}"),
        (quote!(let a = &b as *const u8;), "as *"),
        (quote!(let a = b.as_ptr().addr();), "addr"),
        (
            quote!(if ctx.is_replaying() {
                ctx.sleep(limit).await?;
            }),
            "is_replaying",
        ),
        (
            quote!(let a = Client::connect("memory:").await?;),
            "Client::connect",
        ),
        (quote!(let a = Path::new("a").exists();), "exists"),
        (quote!(let a = "a:1".to_socket_addrs()?;), "to_socket_addrs"),
        (quote!(let a = num_cpus::get();), "num_cpus::get"),
        (quote!(let a = nanoid!();), "nanoid!"),
        (
            quote!(let a = diesel::insert_into(b).execute(c);),
            "diesel::insert_into",
        ),
        (
            quote!(let a = aws_sdk_s3::Client::new(&b);),
            "aws_sdk_s3::Client::new",
        ),
        (quote!(let a = rdkafka::util::now();), "rdkafka::util::now"),
        (
            quote!(let a = ctx.side_effect(|| ctx.random_u64())?;),
            "ctx",
        ),
        (quote!(let a = ctx.now().elapsed();), "elapsed"),
    ] {
        assert_found(&body, what);
    }
}

#[test]
fn names_that_the_function_declares_are_its_own() {
    assert_fine(&quote! {
        fn sleep(seconds: u64) {}
        sleep(5);
        let timeout = |seconds: u64| seconds;
        timeout(5);
    });
    assert_found(&quote!(sleep(limit).await;), "sleep");
}

#[test]
fn names_are_seen_through_use_declarations() {
    assert_found(
        &quote!(use std::time::Instant as Clock; Clock::now();),
        "Clock::now",
    );
    assert_found(
        &quote!(use std::{env::{self as here}}; here::var("A");),
        "here::var",
    );
    assert_found(
        &quote!(use tokio::time::{self, Duration}; time::sleep(Duration::ZERO).await;),
        "time::sleep",
    );
    assert_found(
        &quote!(use std::collections::HashMap as Map; let map: Map<u32, u32> = make(); for a in &map {}),
        "map",
    );
    assert_found(
        &quote! { use tokio::select; select! { _ = a => {} } },
        "select!",
    );
}

#[test]
fn macros_closures_and_nested_blocks_are_looked_into() {
    assert_found(
        &quote!(select! { _ = tokio::time::sleep(limit) => {} }),
        "tokio::time::sleep",
    );
    assert_found(
        &quote!(ctx.scope(async |ctx| { if true { Instant::now(); } }).await;),
        "Instant::now",
    );
    assert_found(
        &quote!(let a = format!("{:?}", [SystemTime::now()]);),
        "SystemTime::now",
    );
    assert_found(
        &quote!(ctx.start_activity(A::b, Instant::now(), options());),
        "Instant::now",
    );
}

#[test]
fn an_escape_reaches_to_the_end_of_its_statement() {
    assert_fine(&quote! {
        #[allow_nondeterminism(reason = "a test")]
        let started = Instant::now();
        #[allow_nondeterminism(reason = "a test")]
        if true { Instant::now(); } else { SystemTime::now(); }
        #[steadfast::allow_nondeterminism(reason = "a test")]
        for _ in 0..3 { println!("said again"); }
        select! { _ = ctx.cancelled() => {
            #[allow_nondeterminism(reason = "a test")]
            println!("said again");
        } }
    });
    assert_found(
        &quote! {
            #[allow_nondeterminism(reason = "a test")]
            if true { Instant::now(); }
            SystemTime::now();
        },
        "SystemTime::now",
    );
    let method = quote! {
        #[allow_nondeterminism(reason = "a test")]
        fn helper() -> Instant { Instant::now() }
    };
    assert_eq!(errors(&method), [""; 0]);
}

#[test]
fn an_escape_needs_a_reason_and_something_to_let_through() {
    let body = quote!(#[allow_nondeterminism] let a = Instant::now(););
    assert_found(&body, "#[allow_nondeterminism]");
    let body = quote!(#[allow_nondeterminism(reason = "why")] let a = ctx.now(););
    assert_found(&body, "#[allow_nondeterminism]");
}

#[test]
fn escapes_are_taken_out_everywhere() {
    let tokens = quote! {
        fn a() {
            #[allow_nondeterminism(reason = "b")]
            let c = [vec![{ #[steadfast::allow_nondeterminism(reason = "d")] e }]];
        }
    };
    let stripped = super::strip(tokens).to_string();
    assert_eq!(
        stripped,
        quote!(
            fn a() {
                let c = [vec![{ e }]];
            }
        )
        .to_string()
    );
}
