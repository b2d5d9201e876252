/* Drives a program to its end: jobs of promises, calls of tools, then timers, until nothing is left. */
#include "shim.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A wait of this many milliseconds or less is none: `setTimeout(f)` only gives way to others. */
#define SHORTEST 1.0

bool exit_requested;
int32_t exit_code;
static bool tools_waiting;

/* Rejections that nothing handles yet. */
typedef struct Rejection {
    struct Rejection *next;
    JSValue promise, reason;
} Rejection;
static Rejection *rejections;

static JSValue error_value;
static bool has_error;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* addTimer(callback, delay, repeats, ...arguments) -> id */
static JSValue add_timer(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    double delay;
    if (argc < 3 || JS_ToFloat64(ctx, &delay, argv[1]))
        return JS_EXCEPTION;
    bool repeats = JS_ToBool(ctx, argv[2]);
    int extra = argc - 3;
    Timer *timer = heap_alloc(sizeof *timer + sizeof(JSValue) * (size_t)extra);
    if (!timer)
        return JS_ThrowOutOfMemory(ctx);
    /* As elsewhere, except that `setImmediate`, which asks for -1, comes before what waits. */
    delay = delay == -1 ? 0 : delay >= 1 && delay <= 2147483647 ? delay : 1;
    *timer = (Timer){ .due = now() + delay, .every = repeats ? delay : -1, .keeps = true, .argc = extra };
    if (!timers_add(timer)) {
        heap_free(timer);
        return JS_ThrowOutOfMemory(ctx);
    }
    timer->callback = JS_DupValue(ctx, argv[0]);
    for (int i = 0; i < extra; i++)
        timer->argv[i] = JS_DupValue(ctx, argv[3 + i]);
    return JS_NewInt32(ctx, timer->id);
}

static Timer *timer_of(JSContext *ctx, int argc, JSValueConst *argv)
{
    int32_t id;
    return argc > 0 && !JS_ToInt32(ctx, &id, argv[0]) ? timers_find(id) : NULL;
}

static JSValue clear_timer(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    Timer *timer = timer_of(ctx, argc, argv);
    if (timer)
        timers_remove(timer);
    return JS_UNDEFINED;
}

/* keepTimer(id, keeps) */
static JSValue keep_timer(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    Timer *timer = timer_of(ctx, argc, argv);
    if (timer && argc > 1)
        timers_keep(timer, JS_ToBool(ctx, argv[1]));
    return JS_UNDEFINED;
}

/* hasTimer(id) */
static JSValue has_timer(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    return JS_NewBool(ctx, timer_of(ctx, argc, argv) != NULL);
}

static void keep_error(JSValue error)
{
    if (has_error)
        JS_FreeValue(context, error);
    else
        error_value = error;
    has_error = true;
}

bool loop_take_error(JSValue *error)
{
    if (!has_error)
        return false;
    *error = error_value;
    has_error = false;
    return true;
}

static void on_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, bool handled, void *opaque)
{
    if (!handled) {
        Rejection *rejection = heap_alloc(sizeof *rejection);
        if (!rejection)
            return;
        *rejection = (Rejection){ rejections, JS_DupValue(ctx, promise), JS_DupValue(ctx, reason) };
        rejections = rejection;
        return;
    }
    for (Rejection **at = &rejections; *at; at = &(*at)->next) {
        Rejection *rejection = *at;
        if (JS_IsStrictEqual(ctx, rejection->promise, promise)) {
            *at = rejection->next;
            JS_FreeValue(ctx, rejection->promise);
            JS_FreeValue(ctx, rejection->reason);
            heap_free(rejection);
            return;
        }
    }
}

/* The oldest rejection becomes the error of the turn. */
static bool take_rejection(void)
{
    bool any = rejections != NULL;
    while (rejections) {
        Rejection *rejection = rejections;
        rejections = rejection->next;
        JS_FreeValue(context, rejection->promise);
        if (rejections || has_error)
            JS_FreeValue(context, rejection->reason);
        else
            keep_error(rejection->reason);
        heap_free(rejection);
    }
    return any;
}

void loop_begin(void)
{
    exit_requested = false;
    exit_code = 0;
}

/* Nothing of a program that has failed goes on in a later turn: no timer, no job, no call of a tool. */
void loop_clear(void)
{
    engine_drop_jobs(runtime);
    if (tools_waiting)
        JS_FreeValue(context, hook("dropCalls", 0, NULL));
    tools_waiting = false;
    for (Timer *timer; (timer = timers_next());)
        timers_remove(timer);
    while (rejections) {
        Rejection *rejection = rejections;
        rejections = rejection->next;
        JS_FreeValue(context, rejection->promise);
        JS_FreeValue(context, rejection->reason);
        heap_free(rejection);
    }
}

/* Runs jobs until there is none, or one has failed. */
static LoopEnd run_jobs(void)
{
    JSContext *ctx;
    int status;
    while ((status = JS_ExecutePendingJob(runtime, &ctx)) > 0)
        if (exit_requested)
            return LOOP_EXIT;
    if (exit_requested) {
        JS_FreeValue(context, JS_GetException(context));
        return LOOP_EXIT;
    }
    if (status < 0) {
        keep_error(JS_GetException(context));
        return LOOP_RAISED;
    }
    return LOOP_DONE;
}

/* Gives the tools what was asked of them since the last time; 1: there was something. */
static int call_tools(void)
{
    JSValue called = hook("callTools", 0, NULL);
    if (JS_IsException(called))
        return -1;
    int any = JS_ToBool(context, called);
    JS_FreeValue(context, called);
    return any;
}

static void wait_until(double due)
{
    double left = due - now();
    if (left <= SHORTEST)
        return;
    output_flush();
    struct timespec time = { (time_t)(left / 1e3), 0 };
    time.tv_nsec = (long)((left - (double)time.tv_sec * 1e3) * 1e6);
    nanosleep(&time, NULL);
}

/* Runs the next timer. Its time has come once the wait is over, even if the clock stands still. */
static LoopEnd run_timer(void)
{
    Timer *timer = timers_next();
    wait_until(timer->due);
    JSValue callback = JS_DupValue(context, timer->callback);
    JSValue *argv = timer->argc ? heap_alloc(sizeof(JSValue) * (size_t)timer->argc) : NULL;
    int argc = argv ? timer->argc : 0;
    for (int i = 0; i < argc; i++)
        argv[i] = JS_DupValue(context, timer->argv[i]);
    if (timer->every >= 0)
        timers_move(timer, (timer->due > now() ? timer->due : now()) + timer->every);
    else
        timers_remove(timer);
    JSValue result = JS_Call(context, callback, JS_UNDEFINED, argc, (JSValueConst *)argv);
    JS_FreeValue(context, callback);
    for (int i = 0; i < argc; i++)
        JS_FreeValue(context, argv[i]);
    heap_free(argv);
    if (!JS_IsException(result)) {
        JS_FreeValue(context, result);
        return exit_requested ? LOOP_EXIT : LOOP_DONE;
    }
    JSValue error = JS_GetException(context);
    if (exit_requested) {
        JS_FreeValue(context, error);
        return LOOP_EXIT;
    }
    keep_error(error);
    return LOOP_RAISED;
}

LoopEnd loop_run(void)
{
    for (;;) {
        LoopEnd end = exit_requested ? LOOP_EXIT : run_jobs();
        if (end == LOOP_DONE && rejections && take_rejection())
            end = LOOP_RAISED;
        if (end != LOOP_DONE)
            return end;
        if (tools_waiting) {
            tools_waiting = false;
            if (call_tools() < 0) {
                keep_error(JS_GetException(context));
                return LOOP_RAISED;
            }
            continue;
        }
        if (timers_kept == 0)
            return LOOP_DONE;
        end = run_timer();
        if (end != LOOP_DONE)
            return end;
    }
}

/* The library says that calls of tools wait. */
static JSValue wait_for_tools(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    tools_waiting = true;
    return JS_UNDEFINED;
}

/* exit(): nothing of the program runs any more. */
static JSValue request_exit(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    exit_requested = true;
    JSValue error = JS_NewError(ctx);
    if (JS_IsException(error))
        return JS_EXCEPTION;
    JS_SetUncatchableError(ctx, error);
    return JS_Throw(ctx, error);
}

/* exitCode() or exitCode(code) */
static JSValue access_exit_code(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    if (argc > 0 && JS_ToInt32(ctx, &exit_code, argv[0]))
        return JS_EXCEPTION;
    return JS_NewInt32(ctx, exit_code);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("addTimer", 3, add_timer),   JS_CFUNC_DEF("clearTimer", 1, clear_timer),
    JS_CFUNC_DEF("keepTimer", 2, keep_timer), JS_CFUNC_DEF("hasTimer", 1, has_timer),
    JS_CFUNC_DEF("waitForTools", 0, wait_for_tools), JS_CFUNC_DEF("exit", 0, request_exit),
    JS_CFUNC_DEF("exitCode", 0, access_exit_code),
};

void loop_install(JSContext *ctx, JSValue native)
{
    JS_SetHostPromiseRejectionTracker(JS_GetRuntime(ctx), on_rejection, NULL);
    JS_SetPropertyFunctionList(ctx, native, functions, sizeof functions / sizeof *functions);
}
