/* Programs: compiling one as what it is, and running it to its end. */
#include "shim.h"
#include <string.h>

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

bool program_is_syntax_error(JSValueConst error)
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
    if (name_len > 4 && (!strcmp(name + name_len - 4, ".mjs") || !strcmp(name + name_len - 4, ".mts")))
        return modules_compile(context, source, len, name);
    JSValue compiled = compile_script(source, len, name, awaits);
    if (!JS_IsException(compiled) || !(mentions(source, len, "import") || mentions(source, len, "export")))
        return compiled;
    JSValue error = JS_GetException(context);
    if (!program_is_syntax_error(error))
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

/* The same of a program that is translated first, if it is. */
static JSValue compile_translated(const Program *program, bool is_turn, bool *awaits)
{
    if (!translator_takes(program->name))
        return compile(program->source, program->len, program->name, is_turn, awaits);
    size_t len = program->len;
    char *translated = translator_run(context, program->source, &len, program->name);
    *awaits = false;
    JSValue compiled = translated ? compile(translated, len, program->name, is_turn, awaits) : JS_EXCEPTION;
    js_free(context, translated);
    return compiled;
}

Ran program_raised(JSValue error)
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
        *ran = program_raised(result);
        return true;
    default:
        return false;
    }
}

Ran program_run(const Program *program, bool is_turn)
{
    bool awaits;
    JSValue compiled = compile_translated(program, is_turn, &awaits);
    bool is_module = JS_VALUE_GET_TAG(compiled) == JS_TAG_MODULE;
    awaits = awaits && !is_module;
    JSValue value = JS_IsException(compiled) ? compiled : JS_EvalFunction(context, compiled);
    if (JS_IsException(value)) {
        JSValue error = JS_GetException(context);
        if (!exit_requested)
            return program_raised(error);
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
        return program_raised(error);
    }
    if (!JS_IsPromise(value))
        return (Ran){ VALUE, value };
    Ran ran;
    if (!settled(value, &ran)) {
        if (!is_module && !awaits)
            return (Ran){ VALUE, value };
        JS_FreeValue(context, value);
        JS_ThrowPlainError(context, "the program awaits a promise that nothing will settle");
        return program_raised(JS_GetException(context));
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
