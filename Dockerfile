# The images of the project, one target each:
#   docker build --target operator    -t todoapp.local/todoapp-operator:0.1.0 .
#   docker build --target activator   -t todoapp.local/todoapp-activator:0.1.0 .
#   docker build --target queue-proxy -t todoapp.local/todoapp-queue-proxy:0.1.0 .
#   docker build --target todo-web    -t todoapp.local/todo-web:0.1.0 .     (todo-rule and todo-user alike)
#   docker build --target busybox     -t todoapp.local/todoapp-busybox:0.1.0 .
# Each of ours holds one static program and nothing else, and runs as a user without rights.

FROM rust:1.95.0-bookworm AS build
# The compiler is there: rust-toolchain.toml would fetch the tools of development besides.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
# A target of its own, even if it is the host's: the flags are then not used for build scripts and macros.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    target=$(rustc -vV | sed -n 's/^host: //p') && \
    RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --target "$target" \
      -p operator -p activator -p queue-proxy -p todo-web -p todo-rule -p todo-user && \
    mkdir /out && cd "target/$target/release" && \
    cp operator activator queue-proxy todo-web todo-rule todo-user /out/

FROM scratch AS program
WORKDIR /
USER 65532:65532

FROM program AS operator
COPY --from=build /out/operator /operator
ENTRYPOINT ["/operator"]

FROM program AS activator
COPY --from=build /out/activator /activator
ENTRYPOINT ["/activator"]

FROM program AS queue-proxy
COPY --from=build /out/queue-proxy /queue-proxy
ENTRYPOINT ["/queue-proxy"]

FROM program AS todo-web
COPY --from=build /out/todo-web /todo-web
ENTRYPOINT ["/todo-web"]

FROM program AS todo-rule
COPY --from=build /out/todo-rule /todo-rule
ENTRYPOINT ["/todo-rule"]

FROM program AS todo-user
COPY --from=build /out/todo-user /todo-user
ENTRYPOINT ["/todo-user"]

# What `helm test` calls with.
FROM busybox:1.37.0 AS busybox
USER 65532:65532
