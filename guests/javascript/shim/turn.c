/* Turns: reading a request, running its program, and answering. ../README.md has the protocol. */
#include "shim.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

JSRuntime *runtime;
JSContext *context;
JSValue hooks;

/* Of the shadow stack, which the build makes this large; the rest is for what runs below a check. */
#define STACK_BYTES (4 << 20)
#define STACK_MARGIN (256 << 10)
#define RESERVE_BYTES (64 << 10)
#define TEXT_MOST (64 << 10)
#define RESULT_BYTES (1 << 20)
/* What an answer has besides its parts. */
#define FRAME_BYTES 200

static const char LIBRARY[] = {
#embed "library.js"
    , 0
};

static uint32_t turns;
static size_t result_bytes = RESULT_BYTES;
/* Freed when a program has failed, so that it can be told even if memory ran out. */
static void *reserve;
static Text answer;

/* Memory for QuickJS, which may be refused: `memory_refused` says that it was. */
static bool memory_refused;

static void *noted(void *got)
{
    memory_refused |= got == NULL;
    return got;
}

static void *js_zeroed(void *opaque, size_t number, size_t size)
{
    return noted(calloc(number, size));
}

static void *js_memory(void *opaque, size_t size)
{
    return noted(malloc(size));
}

static void js_give_back(void *opaque, void *at)
{
    free(at);
}

static void *js_resized(void *opaque, void *at, size_t size)
{
    if (size == 0) {
        free(at);
        return NULL;
    }
    return noted(realloc(at, size));
}

static size_t js_size(const void *at)
{
    return malloc_usable_size((void *)at);
}

static const JSMallocFunctions MEMORY = {
    .js_calloc = js_zeroed,
    .js_malloc = js_memory,
    .js_free = js_give_back,
    .js_realloc = js_resized,
    .js_malloc_usable_size = js_size,
};

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
    reserve = malloc(RESERVE_BYTES);
}

typedef struct {
    const char *name, *source;
    size_t len;
} Program;

static JSValue hook(const char *name, int argc, JSValueConst *argv)
{
    JSValue function = JS_GetPropertyStr(context, hooks, name);
    JSValue result = JS_Call(context, function, JS_UNDEFINED, argc, argv);
    JS_FreeValue(context, function);
    return result;
}

/* Whether `word` occurs in the source; it may be in a comment. */
static bool mentions(const char *source, size_t len, const char *word)
{
    return memmem(source, len, word, strlen(word)) != NULL;
}

/* `awaits`: the script gives a promise of an object around its value. */
static JSValue compile_script(const char *source, size_t len, const char *name, bool *awaits)
{
    int flags = JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_COMPILE_ONLY;
    *awaits = mentions(source, len, "await");
    if (*awaits)
        flags |= JS_EVAL_FLAG_ASYNC;
    return JS_Eval(context, source, len, name, flags);
}

/* A turn that imports: its declarations become awaits of `import()`, so that what it declares
 * stays for later turns. */
static JSValue compile_imports(const char *source, size_t len, const char *name, bool *awaits)
{
    JSValue text = JS_NewStringLen(context, source, len);
    JSValue changed = hook("rewriteImports", 1, (JSValueConst *)&text);
    JS_FreeValue(context, text);
    JSValue compiled = JS_UNDEFINED;
    if (JS_IsString(changed)) {
        size_t changed_len;
        const char *changed_text = JS_ToCStringLen(context, &changed_len, changed);
        if (changed_text) {
            compiled = compile_script(changed_text, changed_len, name, awaits);
            JS_FreeCString(context, changed_text);
        }
    }
    if (JS_IsException(changed) || JS_IsException(compiled)) {
        JS_FreeValue(context, JS_GetException(context));
        compiled = JS_UNDEFINED;
    }
    JS_FreeValue(context, changed);
    return compiled;
}

static bool is_syntax_error(JSValueConst error)
{
    JSValue name = JS_GetPropertyStr(context, error, "name");
    const char *text = JS_ToCString(context, name);
    bool is = text && !strcmp(text, "SyntaxError");
    if (text)
        JS_FreeCString(context, text);
    JS_FreeValue(context, name);
    return is;
}

/* Compiles a program as what it is: a script, a turn that imports, or a module. */
static JSValue compile(const char *source, size_t len, const char *name, bool is_turn, bool *awaits)
{
    *awaits = false;
    size_t name_len = strlen(name);
    if (name_len > 4 && !strcmp(name + name_len - 4, ".mjs"))
        return modules_compile(context, source, len, name);
    JSValue compiled = compile_script(source, len, name, awaits);
    if (!JS_IsException(compiled) || !(mentions(source, len, "import") || mentions(source, len, "export")))
        return compiled;
    JSValue error = JS_GetException(context);
    if (!is_syntax_error(error))
        return JS_Throw(context, error);
    if (is_turn) {
        compiled = compile_imports(source, len, name, awaits);
        if (!JS_IsUndefined(compiled)) {
            JS_FreeValue(context, error);
            return compiled;
        }
    }
    compiled = modules_compile(context, source, len, name);
    JS_FreeValue(context, error);
    return compiled;
}

/* What ran: its value, or what nothing caught. */
typedef struct {
    enum { VALUE, RAISED, EXITED } kind;
    JSValue value;
} Ran;

static Ran raised(JSValue error)
{
    loop_clear();
    return (Ran){ RAISED, error };
}

/* The value of a promise that is settled, as `await` would give it. */
static bool settled(JSValueConst promise, Ran *ran)
{
    JSValue result;
    switch (JS_PromiseState(context, promise)) {
    case JS_PROMISE_FULFILLED:
        result = JS_PromiseResult(context, promise);
        *ran = (Ran){ VALUE, result };
        return true;
    case JS_PROMISE_REJECTED:
        result = JS_PromiseResult(context, promise);
        *ran = raised(result);
        return true;
    default:
        return false;
    }
}

static Ran run_program(const Program *program, bool is_turn)
{
    bool awaits;
    JSValue compiled = compile(program->source, program->len, program->name, is_turn, &awaits);
    bool is_module = JS_VALUE_GET_TAG(compiled) == JS_TAG_MODULE;
    awaits = awaits && !is_module;
    JSValue value = JS_IsException(compiled) ? compiled : JS_EvalFunction(context, compiled);
    if (JS_IsException(value)) {
        JSValue error = JS_GetException(context);
        if (!exit_requested)
            return raised(error);
        JS_FreeValue(context, error);
    }
    JSValue error;
    LoopEnd end = exit_requested ? LOOP_EXIT : loop_run();
    if (end == LOOP_EXIT) {
        JS_FreeValue(context, value);
        loop_clear();
        return (Ran){ EXITED, JS_UNDEFINED };
    }
    if (end == LOOP_RAISED && loop_take_error(&error)) {
        JS_FreeValue(context, value);
        return raised(error);
    }
    if (!JS_IsPromise(value))
        return (Ran){ VALUE, value };
    Ran ran;
    if (!settled(value, &ran)) {
        if (!is_module && !awaits)
            return (Ran){ VALUE, value };
        JS_FreeValue(context, value);
        JS_ThrowPlainError(context, "the program awaits a promise that nothing will settle");
        return raised(JS_GetException(context));
    }
    JS_FreeValue(context, value);
    if (ran.kind != VALUE)
        return ran;
    if (is_module) {
        JS_FreeValue(context, ran.value);
        ran.value = JS_UNDEFINED;
    } else if (awaits && JS_IsObject(ran.value)) {
        /* A script that may await gives an object around its value. */
        JSValue inner = JS_GetPropertyStr(context, ran.value, "value");
        JS_FreeValue(context, ran.value);
        ran.value = inner;
        Ran last;
        if (JS_IsPromise(inner) && settled(inner, &last)) {
            JS_FreeValue(context, inner);
            return last;
        }
    }
    return ran;
}

static void put_string(JSValueConst value, size_t most)
{
    size_t len;
    const char *text = JS_ToCStringLen(context, &len, value);
    if (!text) {
        JS_FreeValue(context, JS_GetException(context));
        text_puts(&answer, "\"\"");
        return;
    }
    text_json(&answer, text, len, most);
    JS_FreeCString(context, text);
}

static JSValue item(JSValueConst list, uint32_t index)
{
    return JS_GetPropertyUint32(context, list, index);
}

/* When memory is out, QuickJS throws null. */
static void put_out_of_memory(void)
{
    static const char TEXT[] = "Uncaught InternalError: out of memory\n";
    text_puts(&answer, "{\"raised\":{\"type\":\"InternalError\",\"message\":\"out of memory\","
                       "\"traceback\":\"InternalError: out of memory\"}}");
    output_write(2, TEXT, sizeof TEXT - 1);
}

static JSValue describe(JSValueConst error, const Program *program)
{
    JSValue argv[] = {
        JS_DupValue(context, error),
        JS_NewString(context, program->name),
        is_syntax_error(error) ? JS_NewStringLen(context, program->source, program->len) : JS_UNDEFINED,
    };
    JSValue described = hook("describe", 3, (JSValueConst *)argv);
    for (int i = 0; i < 3; i++)
        JS_FreeValue(context, argv[i]);
    return described;
}

/* The type, the message and the traceback; also on standard error. */
static void put_raised(JSValueConst error, const Program *program)
{
    free(reserve);
    reserve = NULL;
    size_t most = (result_bytes - FRAME_BYTES) / 4 < TEXT_MOST ? (result_bytes - FRAME_BYTES) / 4 : TEXT_MOST;
    JSValue described = describe(error, program);
    if (JS_IsException(described)) {
        JS_FreeValue(context, JS_GetException(context));
        JS_RunGC(runtime);
        described = describe(error, program);
    }
    if (memory_refused && (JS_IsNull(error) || JS_IsException(described))) {
        JS_FreeValue(context, JS_IsException(described) ? JS_GetException(context) : described);
        put_out_of_memory();
        return;
    }
    text_puts(&answer, "{\"raised\":{\"type\":");
    if (JS_IsException(described)) {
        JS_FreeValue(context, JS_GetException(context));
        static const char SHORT[] = "the error could not be described";
        text_puts(&answer, "\"Error\",\"message\":\"");
        text_puts(&answer, SHORT);
        text_puts(&answer, "\",\"traceback\":\"");
        text_puts(&answer, SHORT);
        text_puts(&answer, "\"}}");
        output_write(2, SHORT, sizeof SHORT - 1);
        output_write(2, "\n", 1);
        return;
    }
    static const char *const KEYS[] = { "", ",\"message\":", ",\"traceback\":" };
    for (uint32_t i = 0; i < 3; i++) {
        JSValue part = item(described, i);
        text_puts(&answer, KEYS[i]);
        put_string(part, most);
        size_t len;
        const char *text = i == 2 ? JS_ToCStringLen(context, &len, part) : NULL;
        if (text) {
            text_well_formed((char *)text, len);
            output_write(2, "Uncaught ", 9);
            output_write(2, text, len < TEXT_MOST ? len : TEXT_MOST);
            output_write(2, "\n", 1);
            JS_FreeCString(context, text);
        }
        JS_FreeValue(context, part);
    }
    text_puts(&answer, "}}");
    JS_FreeValue(context, described);
}

/* `"result"` or `"repr"` of a value that is no number and no short string. */
static void put_object(JSValueConst value, size_t room)
{
    JSValue argv[] = { JS_DupValue(context, value), JS_NewInt64(context, (int64_t)room) };
    JSValue shown = hook("present", 2, (JSValueConst *)argv);
    JS_FreeValue(context, argv[0]);
    if (JS_IsException(shown)) {
        JS_FreeValue(context, JS_GetException(context));
        text_puts(&answer, "\"repr\":\"<value that cannot be shown>\"");
        return;
    }
    JSValue kind = item(shown, 0), text = item(shown, 1), cut = item(shown, 2);
    if (JS_ToBool(context, kind)) {
        size_t len;
        const char *json = JS_ToCStringLen(context, &len, text);
        text_puts(&answer, "\"result\":");
        text_put(&answer, json ? json : "null", json ? len : 4);
        if (json)
            JS_FreeCString(context, json);
    } else {
        text_puts(&answer, "\"repr\":");
        put_string(text, room / 2);
    }
    if (JS_ToBool(context, cut))
        text_puts(&answer, ",\"truncated\":true");
    JS_FreeValue(context, kind);
    JS_FreeValue(context, text);
    JS_FreeValue(context, cut);
    JS_FreeValue(context, shown);
}

static void put_value(JSValueConst value)
{
    char number[32];
    switch (JS_VALUE_GET_NORM_TAG(value)) {
    case JS_TAG_UNDEFINED:
    case JS_TAG_NULL:
        return;
    case JS_TAG_INT:
        snprintf(number, sizeof number, "\"result\":%d", (int)JS_VALUE_GET_INT(value));
        text_puts(&answer, number);
        return;
    case JS_TAG_BOOL:
        text_puts(&answer, JS_VALUE_GET_BOOL(value) ? "\"result\":true" : "\"result\":false");
        return;
    default:
        put_object(value, result_bytes - FRAME_BYTES);
    }
}

/* The answer as the host reads it. NULL if there was no memory for it. */
static uint8_t *finished(void)
{
    if (answer.failed || !answer.at)
        return NULL;
    uint32_t len = (uint32_t)(answer.len - 4);
    memcpy(answer.at, &len, 4);
    return (uint8_t *)answer.at;
}

static void begin_answer(void)
{
    if (answer.failed || answer.cap > TEXT_MOST)
        text_free(&answer);
    answer.len = 0;
    text_put(&answer, "\0\0\0\0", 4);
}

static void put_ran(Ran ran, const Program *program)
{
    char number[32];
    if (ran.kind == RAISED) {
        put_raised(ran.value, program);
    } else {
        size_t before = answer.len;
        text_puts(&answer, "{");
        if (ran.kind == VALUE)
            put_value(ran.value);
        if (ran.kind == EXITED || exit_code) {
            snprintf(number, sizeof number, "%s\"exit\":%u", answer.len > before + 1 ? "," : "", (unsigned)exit_code);
            text_puts(&answer, number);
        }
        if (answer.len > before + 1)
            text_puts(&answer, "}");
        else
            answer.len = before;
    }
    JS_FreeValue(context, ran.value);
    if (!reserve)
        reserve = malloc(RESERVE_BYTES);
}

/* What a head says beside its flags: the library takes it, and tells the name and `result_bytes`. */
static bool read_head(const char *json, size_t len, char *name, size_t name_cap, bool *named)
{
    JSValue options = JS_ParseJSON(context, json, len, "<request>");
    JSValue known = JS_IsException(options) ? JS_EXCEPTION : hook("begin", 1, (JSValueConst *)&options);
    JS_FreeValue(context, options);
    if (JS_IsException(known))
        return false;
    JSValue name_value = item(known, 0), bytes = item(known, 1);
    double most;
    if (JS_IsNumber(bytes) && !JS_ToFloat64(context, &most, bytes) && most >= 1024)
        result_bytes = (size_t)most;
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
    native_seed(context);
    JS_FreeValue(context, hook("fresh", 0, NULL));
}

uint8_t *turn_answer(char *request, size_t len)
{
    if (len == 1 && request[0] == '!') {
        static uint32_t nothing;
        output_flush();
        return (uint8_t *)&nothing;
    }
    JS_UpdateStackTop(runtime);
    begin_answer();
    if (len == 1 && request[0] == 'z') {
        turn_freeze();
        return finished();
    }
    char *end = memchr(request, '\n', len), *head = request;
    char name[4200] = "";
    bool named = false, good = end != NULL;
    if (good && (*head == 'f' || *head == 'F')) {
        fresh();
        head++;
    }
    if (good && head < end) {
        *end = 0;
        good = read_head(head, (size_t)(end - head), name, sizeof name, &named);
    }
    loop_begin();
    memory_refused = false;
    Program program = { name, "", 0 };
    Ran ran;
    if (good) {
        if (!*name)
            snprintf(name, sizeof name, "<turn %u>", ++turns);
        program = (Program){ name, end + 1, len - (size_t)(end + 1 - request) };
        ran = run_program(&program, !named);
    } else {
        ran = raised(end ? JS_GetException(context) : JS_NewString(context, "a request without a head"));
    }
    put_ran(ran, &program);
    output_flush();
    return finished();
}

int turn_plain(const char *source, size_t len)
{
    char name[32];
    JS_UpdateStackTop(runtime);
    begin_answer();
    loop_begin();
    memory_refused = false;
    snprintf(name, sizeof name, "<turn %u>", ++turns);
    Program program = { name, source, len };
    Ran ran = run_program(&program, true);
    int status = ran.kind == RAISED ? 1 : exit_code & 0xFF;
    put_ran(ran, &program);
    output_flush();
    return ran.kind == EXITED ? 256 + status : status;
}

void turn_finish(void)
{
    JS_UpdateStackTop(runtime);
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
        put_ran(run_program(&program, true), &program);
    }
    begin_answer();
    JS_RunGC(runtime);
    free(malloc(1 << 20));
    JS_SetGCThreshold(runtime, 4 << 20);
    turns = 0;
}
