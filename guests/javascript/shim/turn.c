/* Turns: reading a request, running its program, and answering. ../README.md has the protocol. */
#include "shim.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

JSRuntime *runtime;
JSContext *context;
JSValue hooks;

static const char LIBRARY[] = {
#embed "library.js"
    , 0
};

static uint32_t turns;

__attribute__((constructor)) static void start(void)
{
    runtime = JS_NewRuntime2(&MEMORY, NULL);
    context = JS_NewContext(runtime);
    JS_SetMaxStackSize(runtime, STACK_BYTES - STACK_MARGIN);
    JSValue native = JS_NewObject(context);
    native_install(context, native);
    loop_install(context, native);
    modules_install(context, native);
    files_install(context, native);
    translator_offer(context, native);
    JSValue library = JS_Eval(context, LIBRARY, sizeof LIBRARY - 1, "<sandcell>", JS_EVAL_TYPE_GLOBAL);
    hooks = JS_Call(context, library, JS_UNDEFINED, 1, (JSValueConst *)&native);
    if (JS_IsException(hooks)) {
        JSValue error = JS_GetException(context);
        const char *text = JS_ToCString(context, error);
        JSValue stack = JS_GetPropertyStr(context, error, "stack");
        const char *where = JS_ToCString(context, stack);
        fprintf(stderr, "the library failed: %s\n%s", text, where);
        abort();
    }
    JS_FreeValue(context, library);
    JS_FreeValue(context, native);
    memory_keep_reserve();
}

JSValue hook(const char *name, int argc, JSValueConst *argv)
{
    JSValue function = JS_GetPropertyStr(context, hooks, name);
    JSValue result = JS_Call(context, function, JS_UNDEFINED, argc, argv);
    JS_FreeValue(context, function);
    return result;
}

/* What a head says beside its flags: the library takes it, and tells the name, `result_bytes` and `lines`. */
static bool read_head(const char *json, size_t len, char *name, size_t name_cap, bool *named)
{
    JSValue options = JS_ParseJSON(context, json, len, "<request>");
    JSValue known = JS_IsException(options) ? JS_EXCEPTION : hook("begin", 1, (JSValueConst *)&options);
    JS_FreeValue(context, options);
    if (JS_IsException(known))
        return false;
    JSValue name_value = JS_GetPropertyUint32(context, known, 0), bytes = JS_GetPropertyUint32(context, known, 1);
    JSValue lines = JS_GetPropertyUint32(context, known, 2);
    output_by_lines = JS_IsBool(lines) && JS_VALUE_GET_BOOL(lines);
    double most;
    if (JS_IsNumber(bytes) && !JS_ToFloat64(context, &most, bytes) && most >= 0)
        answer_bytes = most < ANSWER_BYTES_LEAST ? ANSWER_BYTES_LEAST : (size_t)most;
    const char *text = JS_IsString(name_value) ? JS_ToCString(context, name_value) : NULL;
    if (text) {
        snprintf(name, name_cap, "%s", text);
        *named = text[0] == '/';
        JS_FreeCString(context, text);
    }
    JS_FreeValue(context, name_value);
    JS_FreeValue(context, bytes);
    JS_FreeValue(context, known);
    return true;
}

static void fresh(void)
{
    answer_bytes = ANSWER_BYTES;
    native_seed(context);
    JS_FreeValue(context, hook("fresh", 0, NULL));
}

/* The stack is measured from here. */
static void begin(void)
{
    JS_UpdateStackTop(runtime);
    translator_begin();
}

/* `T` and a source: what translates programs from now on. */
static Ran install_translator(const char *source, size_t len)
{
    if (translator_install(context, source, len))
        return (Ran){ VALUE, JS_UNDEFINED };
    return program_raised(JS_GetException(context));
}

uint8_t *turn_answer(char *request, size_t len)
{
    if (len == 1 && request[0] == '!') {
        static uint32_t nothing;
        output_flush();
        return (uint8_t *)&nothing;
    }
    begin();
    answer_begin();
    if (len == 1 && request[0] == 'z') {
        turn_freeze();
        return answer_finish();
    }
    if (len > 2 && !memcmp(request, "T\n", 2)) {
        Program translator = { "<translator>", request + 2, len - 2 };
        answer_put(install_translator(translator.source, translator.len), &translator);
        return answer_finish();
    }
    char *end = memchr(request, '\n', len), *head = request;
    char name[4200] = "";
    bool named = false, good = end != NULL;
    output_by_lines = false;
    memory_refused = false;
    if (good && (*head == 'f' || *head == 'F')) {
        fresh();
        head++;
    }
    if (good && head < end) {
        *end = 0;
        good = read_head(head, (size_t)(end - head), name, sizeof name, &named);
    }
    loop_begin();
    Program program = { name, "", 0 };
    Ran ran;
    if (good) {
        if (!*name)
            snprintf(name, sizeof name, "<turn %u>", ++turns);
        program = (Program){ name, end + 1, len - (size_t)(end + 1 - request) };
        ran = program_run(&program, !named);
    } else {
        ran = program_raised(end ? JS_GetException(context) : JS_NewString(context, "a request without a head"));
    }
    answer_put(ran, &program);
    output_flush();
    return answer_finish();
}

int turn_plain(const char *source, size_t len)
{
    char name[32];
    begin();
    answer_begin();
    loop_begin();
    memory_refused = false;
    snprintf(name, sizeof name, "<turn %u>", ++turns);
    Program program = { name, source, len };
    Ran ran = program_run(&program, true);
    int status = ran.kind == RAISED ? 1 : exit_code & 0xFF;
    answer_put(ran, &program);
    output_flush();
    return ran.kind == EXITED ? 256 + status : status;
}

void turn_finish(void)
{
    begin();
    loop_begin();
    JS_FreeValue(context, hook("finish", 0, NULL));
    output_flush();
}

/* Makes the guest ready to be saved as an image: the way of a turn is practised, garbage is gone,
 * and there is free heap, so that a small turn need not grow the memory. */
void turn_freeze(void)
{
    static const char *const PRACTICE[] = { "1 + 1", "({a: [1, 'b']})", "[1, 2].map(x => x * 2).join()" };
    for (size_t i = 0; i < sizeof PRACTICE / sizeof *PRACTICE; i++) {
        Program program = { "<practice>", PRACTICE[i], strlen(PRACTICE[i]) };
        answer_put(program_run(&program, true), &program);
    }
    answer_begin();
    JS_RunGC(runtime);
    heap_free(heap_alloc(1 << 20));
    JS_SetGCThreshold(runtime, 4 << 20);
    turns = 0;
}
