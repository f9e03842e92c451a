# shellcheck shell=bash disable=SC2034
# The project's images: their names, and where they are. Sourced after lib.sh, never run.

IMAGES=$CHECKOUT/target/images
REGISTRY=${REGISTRY:-todoapp.local}
TAG=${TAG:-$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$CHECKOUT/Cargo.toml")}

# Package and image; the program has the package's name.
PROGRAMS=(
  operator:todoapp-operator
  activator:todoapp-activator
  queue-proxy:todoapp-queue-proxy
  todo-web:todo-web
  todo-rule:todo-rule
  todo-user:todo-user
  todoapp-testapp:todoapp-testapp
)
