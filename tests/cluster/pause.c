/* The sandbox process of every pod: holds its namespaces and reaps orphans. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void handle(int number) {
    if (number != SIGCHLD)
        _exit(0);
    while (waitpid(-1, 0, WNOHANG) > 0)
        ;
}

int main(void) {
    signal(SIGTERM, handle);
    signal(SIGINT, handle);
    signal(SIGCHLD, handle);
    for (;;)
        pause();
}
