async fn select() {
    {
        #[allow(non_camel_case_types)]
        enum __x_Output<T0, T1, T2> {
            Branch0(T0),
            Branch1(T1),
            Branch2(T2),
            Disabled,
        }
        let mut enabled_0: bool = wanted;
        let mut enabled_1: bool = true;
        let mut enabled_2: bool = waits;
        let output = match (
            if enabled_0 {
                ::core::option::Option::Some(
                    ::core::future::IntoFuture::into_future(first()),
                )
            } else {
                ::core::option::Option::None
            },
            ::core::future::IntoFuture::into_future(&mut second),
            if enabled_2 {
                ::core::option::Option::Some(
                    ::core::future::IntoFuture::into_future(ctx.cancelled()),
                )
            } else {
                ::core::option::Option::None
            },
        ) {
            (future_0, future_1, future_2) => {
                let mut future_0 = ::core::pin::pin!(future_0);
                let mut future_1 = ::core::pin::pin!(future_1);
                let mut future_2 = ::core::pin::pin!(future_2);
                ::core::future::poll_fn(|context| {
                        let mut is_pending = false;
                        if enabled_0 {
                            if let ::core::option::Option::Some(future) = future_0
                                .as_mut()
                                .as_pin_mut()
                            {
                                match ::core::future::Future::poll(future, context) {
                                    ::core::task::Poll::Ready(output) => {
                                        enabled_0 = false;
                                        #[allow(unreachable_patterns)]
                                        match output {
                                            Some(_) => {
                                                return ::core::task::Poll::Ready(
                                                    __x_Output::Branch0(output),
                                                );
                                            }
                                            _ => {}
                                        }
                                    }
                                    ::core::task::Poll::Pending => is_pending = true,
                                }
                            }
                        }
                        if enabled_1 {
                            match ::core::future::Future::poll(
                                future_1.as_mut(),
                                context,
                            ) {
                                ::core::task::Poll::Ready(output) => {
                                    enabled_1 = false;
                                    #[allow(unreachable_patterns)]
                                    match output {
                                        Point { x: _, y: Some(_) } => {
                                            return ::core::task::Poll::Ready(
                                                __x_Output::Branch1(output),
                                            );
                                        }
                                        _ => {}
                                    }
                                }
                                ::core::task::Poll::Pending => is_pending = true,
                            }
                        }
                        if enabled_2 {
                            if let ::core::option::Option::Some(future) = future_2
                                .as_mut()
                                .as_pin_mut()
                            {
                                match ::core::future::Future::poll(future, context) {
                                    ::core::task::Poll::Ready(output) => {
                                        enabled_2 = false;
                                        return ::core::task::Poll::Ready(
                                            __x_Output::Branch2(output),
                                        );
                                    }
                                    ::core::task::Poll::Pending => is_pending = true,
                                }
                            }
                        }
                        if is_pending {
                            ::core::task::Poll::Pending
                        } else {
                            ::core::task::Poll::Ready(__x_Output::Disabled)
                        }
                    })
                    .await
            }
        };
        #[allow(unreachable_patterns)]
        match output {
            __x_Output::Branch0(Some(mut value)) => value,
            __x_Output::Branch1(Point { x, y: Some(_) }) => x,
            __x_Output::Branch2(reason) => return reason,
            __x_Output::Disabled => 0,
            _ => ::core::unreachable!("the pattern of this branch has matched"),
        }
    }
}
