use steadfast::prelude::*;

#[derive(Debug, ActivityFailure)]
pub enum ShopError {
    #[failure(non_retryable)]
    NoSuchCard,
    #[failure(name = "NoSuchCard")]
    CardLost { last_digits: String },
}

impl std::fmt::Display for ShopError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for ShopError {}

fn main() {}
