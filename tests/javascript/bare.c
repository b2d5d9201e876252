/* QuickJS-ng with nothing of ours: runs the program on standard input as a script, then jobs until there is none. It is what the guest
 * is compared with; see ../all/javascript_corpus.rs. */
#include "quickjs.h"
#include <stdio.h>
#include <stdlib.h>

static JSValue print(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    const char *text = argc > 0 ? JS_ToCString(ctx, argv[0]) : NULL;
    if (!text)
        return JS_EXCEPTION;
    puts(text);
    JS_FreeCString(ctx, text);
    return JS_UNDEFINED;
}

static int fail(JSContext *ctx)
{
    JSValue error = JS_GetException(ctx);
    const char *text = JS_ToCString(ctx, error);
    fprintf(stderr, "%s\n", text ? text : "an error without a text");
    return 1;
}

int main(void)
{
    size_t len = 0, cap = 1 << 20;
    char *source = malloc(cap + 1);
    for (size_t got; (got = fread(source + len, 1, cap - len, stdin)) > 0;) {
        len += got;
        if (len == cap)
            source = realloc(source, (cap *= 2) + 1);
    }
    source[len] = 0;
    JSRuntime *rt = JS_NewRuntime();
    JSContext *ctx = JS_NewContext(rt), *of_job;
    JSValue global = JS_GetGlobalObject(ctx);
    JS_SetPropertyStr(ctx, global, "print", JS_NewCFunction(ctx, print, "print", 1));
    if (JS_IsException(JS_Eval(ctx, source, len, "corpus.js", JS_EVAL_TYPE_GLOBAL)))
        return fail(ctx);
    int status;
    while ((status = JS_ExecutePendingJob(rt, &of_job)) > 0)
        continue;
    return status < 0 ? fail(of_job) : 0;
}
