/* QuickJS-ng itself, in one unit with the little that the shim needs of its insides. */
#include "quickjs/quickjs.c"
#include "shim.h"

void engine_seed(JSContext *ctx, uint64_t seed)
{
    ctx->random_state = seed ? seed : 1;
}

/* Jobs of promises that have not run will not. */
void engine_drop_jobs(JSRuntime *rt)
{
    while (!list_empty(&rt->job_list)) {
        JSJobEntry *job = list_entry(rt->job_list.next, JSJobEntry, link);
        list_del(&job->link);
        for (int i = 0; i < job->argc; i++)
            JS_FreeValueRT(rt, job->argv[i]);
        js_free_rt(rt, job);
    }
}

/* Modules with names that begin so are loaded again by whoever imports them next. Who has imported them keeps them. */
void engine_forget_modules(JSContext *ctx, const char *prefix)
{
    struct list_head *at;
    list_for_each(at, &ctx->loaded_modules) {
        JSModuleDef *module = list_entry(at, JSModuleDef, link);
        const char *name = JS_AtomToCString(ctx, module->module_name);
        if (name && !strncmp(name, prefix, strlen(prefix))) {
            JS_FreeAtom(ctx, module->module_name);
            module->module_name = JS_ATOM_empty_string;
        }
        JS_FreeCString(ctx, name);
    }
}

/* Replaces the error about an export that a module does not have by one that says who wanted it. */
static void say_importer(JSContext *ctx, JSModuleDef *importer, JSReqModuleEntry *request, JSAtom export)
{
    char specifier[ATOM_GET_STR_BUF_SIZE], name[ATOM_GET_STR_BUF_SIZE], file[ATOM_GET_STR_BUF_SIZE];
    char frame[ATOM_GET_STR_BUF_SIZE + 16];
    JS_FreeValue(ctx, JS_GetException(ctx));
    JS_ThrowSyntaxError(ctx, "The requested module '%s' does not provide an export named '%s'",
                        JS_AtomGetStr(ctx, specifier, sizeof specifier, request->module_name),
                        JS_AtomGetStr(ctx, name, sizeof name, export));
    JSValue error = JS_GetException(ctx);
    snprintf(frame, sizeof frame, "    at %s\n", JS_AtomGetStr(ctx, file, sizeof file, importer->module_name));
    if (JS_IsError(error))
        JS_DefinePropertyValueStr(ctx, error, "stack", JS_NewString(ctx, frame), JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE);
    JS_Throw(ctx, error);
}

static JSValue list_of(JSContext *ctx, const char *kind, JSValue first, JSValue second)
{
    JSValue list = JS_NewArray(ctx);
    if (JS_IsException(list) || JS_IsException(first) || JS_IsException(second)) {
        JS_FreeValue(ctx, list);
        JS_FreeValue(ctx, first);
        JS_FreeValue(ctx, second);
        return JS_EXCEPTION;
    }
    /* Defined and not set: a program may have put setters into Array.prototype. */
    JS_DefinePropertyValueUint32(ctx, list, 0, JS_NewString(ctx, kind), JS_PROP_C_W_E);
    JS_DefinePropertyValueUint32(ctx, list, 1, first, JS_PROP_C_W_E);
    JS_DefinePropertyValueUint32(ctx, list, 2, second, JS_PROP_C_W_E);
    return list;
}

/* [kind, …] of a value whose insides a program cannot see; undefined for others. */
JSValue engine_parts(JSContext *ctx, JSValueConst value)
{
    if (!JS_IsObject(value))
        return JS_UNDEFINED;
    if (JS_IsProxy(value))
        return list_of(ctx, "Proxy", JS_GetProxyTarget(ctx, value), JS_GetProxyHandler(ctx, value));
    switch (JS_GetClassID(value)) {
    case JS_CLASS_PROMISE:
        return list_of(ctx, "Promise", JS_NewInt32(ctx, JS_PromiseState(ctx, value)), JS_PromiseResult(ctx, value));
    case JS_CLASS_MAP: return list_of(ctx, "Map", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_SET: return list_of(ctx, "Set", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_WEAKMAP: return list_of(ctx, "WeakMap", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_WEAKSET: return list_of(ctx, "WeakSet", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_WEAK_REF: return list_of(ctx, "WeakRef", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_MAP_ITERATOR: return list_of(ctx, "Map Iterator", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_SET_ITERATOR: return list_of(ctx, "Set Iterator", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_GENERATOR: return list_of(ctx, "Generator", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_ASYNC_GENERATOR: return list_of(ctx, "AsyncGenerator", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_ARGUMENTS:
    case JS_CLASS_MAPPED_ARGUMENTS: return list_of(ctx, "Arguments", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_ERROR: return list_of(ctx, "Error", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_DATE: return list_of(ctx, "Date", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_REGEXP: return list_of(ctx, "RegExp", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_ARRAY_BUFFER: return list_of(ctx, "ArrayBuffer", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_SHARED_ARRAY_BUFFER: return list_of(ctx, "SharedArrayBuffer", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_DATAVIEW: return list_of(ctx, "DataView", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_NUMBER: return list_of(ctx, "Number", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_STRING: return list_of(ctx, "String", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_BOOLEAN: return list_of(ctx, "Boolean", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_SYMBOL: return list_of(ctx, "Symbol", JS_UNDEFINED, JS_UNDEFINED);
    case JS_CLASS_BIG_INT: return list_of(ctx, "BigInt", JS_UNDEFINED, JS_UNDEFINED);
    default: return JS_UNDEFINED;
    }
}
