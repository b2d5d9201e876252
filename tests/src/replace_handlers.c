/* A library like a crash reporter, preloaded into a test's process: on SIGUSR1 it replaces the
   handler of the signal whose number REPLACED_SIGNAL holds by one that ends the process with 77. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int replaced;

static void install(int signal, void (*handler)(int)) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    sigaction(signal, &action, NULL);
}

static void crash(int signal) {
    (void)signal;
    _exit(77);
}

/* sigaction(2) is async-signal-safe. */
static void replace(int signal) {
    (void)signal;
    install(replaced, crash);
}

__attribute__((constructor)) static void start(void) {
    const char *number = getenv("REPLACED_SIGNAL");
    if (number != NULL) {
        replaced = atoi(number);
        install(SIGUSR1, replace);
    }
}
