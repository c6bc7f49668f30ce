async fn select() {
    {
        #[allow(non_camel_case_types)]
        enum __x_Output<T0, T1, T2> {
            Branch0(T0),
            Branch1(T1),
            Branch2(T2),
            Disabled,
        }
        let mut __x_enabled_0: bool = wanted;
        let mut __x_enabled_1: bool = true;
        let mut __x_enabled_2: bool = waits;
        let __x_output = match (
            if __x_enabled_0 {
                ::core::option::Option::Some(
                    ::core::future::IntoFuture::into_future(first()),
                )
            } else {
                ::core::option::Option::None
            },
            ::core::future::IntoFuture::into_future(&mut second),
            if __x_enabled_2 {
                ::core::option::Option::Some(
                    ::core::future::IntoFuture::into_future(ctx.cancelled()),
                )
            } else {
                ::core::option::Option::None
            },
        ) {
            (__x_future_0, __x_future_1, __x_future_2) => {
                let mut __x_future_0 = ::core::pin::pin!(__x_future_0);
                let mut __x_future_1 = ::core::pin::pin!(__x_future_1);
                let mut __x_future_2 = ::core::pin::pin!(__x_future_2);
                ::core::future::poll_fn(|__x_context| {
                        let mut __x_is_pending = false;
                        if __x_enabled_0 {
                            if let ::core::option::Option::Some(__x_future) = __x_future_0
                                .as_mut()
                                .as_pin_mut()
                            {
                                match ::core::future::Future::poll(
                                    __x_future,
                                    __x_context,
                                ) {
                                    ::core::task::Poll::Ready(__x_output) => {
                                        __x_enabled_0 = false;
                                        #[allow(unreachable_patterns)]
                                        match __x_output {
                                            Some(_) => {
                                                return ::core::task::Poll::Ready(
                                                    __x_Output::Branch0(__x_output),
                                                );
                                            }
                                            _ => {}
                                        }
                                    }
                                    ::core::task::Poll::Pending => __x_is_pending = true,
                                }
                            }
                        }
                        if __x_enabled_1 {
                            match ::core::future::Future::poll(
                                __x_future_1.as_mut(),
                                __x_context,
                            ) {
                                ::core::task::Poll::Ready(__x_output) => {
                                    __x_enabled_1 = false;
                                    #[allow(unreachable_patterns)]
                                    match __x_output {
                                        Point { x: _, y: Some(_) } => {
                                            return ::core::task::Poll::Ready(
                                                __x_Output::Branch1(__x_output),
                                            );
                                        }
                                        _ => {}
                                    }
                                }
                                ::core::task::Poll::Pending => __x_is_pending = true,
                            }
                        }
                        if __x_enabled_2 {
                            if let ::core::option::Option::Some(__x_future) = __x_future_2
                                .as_mut()
                                .as_pin_mut()
                            {
                                match ::core::future::Future::poll(
                                    __x_future,
                                    __x_context,
                                ) {
                                    ::core::task::Poll::Ready(__x_output) => {
                                        __x_enabled_2 = false;
                                        return ::core::task::Poll::Ready(
                                            __x_Output::Branch2(__x_output),
                                        );
                                    }
                                    ::core::task::Poll::Pending => __x_is_pending = true,
                                }
                            }
                        }
                        if __x_is_pending {
                            ::core::task::Poll::Pending
                        } else {
                            ::core::task::Poll::Ready(__x_Output::Disabled)
                        }
                    })
                    .await
            }
        };
        #[allow(unreachable_patterns)]
        match __x_output {
            __x_Output::Branch0(Some(mut value)) => value,
            __x_Output::Branch1(Point { x, y: Some(_) }) => x,
            __x_Output::Branch2(reason) => return reason,
            __x_Output::Disabled => 0,
            _ => ::core::unreachable!("the pattern of this branch has matched"),
        }
    }
}
