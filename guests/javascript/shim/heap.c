/* The heap: two-level segregated fit (Masmano and others, 2004), which joins what is freed with its
 * neighbours. The compiler's own allocator keeps blocks of powers of two for ever, so that memory which
 * was once full of small objects has no room for a large one. */
#include "shim.h"
#include <string.h>

#define PAGE 65536
/* What is asked of the host at a time, in pages, if it gives that much. */
#define STEP 4
#define FREE 1u
#define HEADER 8
#define FINE 16 /* classes of each power of two */
#define LEVELS 26

typedef struct Block {
    struct Block *before; /* its neighbour, NULL for the first of a region */
    uint32_t size;        /* of what follows the header, and FREE */
    struct Block *next, *last; /* in the list of its class, while it is free */
} Block;

static Block *lists[LEVELS][FINE];
static uint32_t levels, classes[LEVELS];
static Block *end; /* the empty block behind the newest region */

/* Small blocks that were freed and are not joined yet, by size: most are soon wanted again. */
#define SMALL 256
static Block *quick[SMALL / 8 + 1];

bool memory_refused;

static uint32_t size_of(const Block *block)
{
    return block->size & ~FREE;
}

static Block *after(Block *block)
{
    return (Block *)((char *)block + HEADER + size_of(block));
}

static void class_of(uint32_t size, uint32_t *level, uint32_t *class)
{
    if (size < 8 * FINE) {
        *level = 0;
        *class = size / 8;
        return;
    }
    uint32_t log = 31 - (uint32_t)__builtin_clz(size);
    *level = log - 6;
    *class = (size >> (log - 4)) & (FINE - 1);
}

static void enlist(Block *block)
{
    uint32_t level, class;
    class_of(size_of(block), &level, &class);
    block->size |= FREE;
    block->last = NULL;
    block->next = lists[level][class];
    if (block->next)
        block->next->last = block;
    lists[level][class] = block;
    levels |= 1u << level;
    classes[level] |= 1u << class;
}

static void delist(Block *block)
{
    uint32_t level, class;
    class_of(size_of(block), &level, &class);
    block->size &= ~FREE;
    if (block->next)
        block->next->last = block->last;
    if (block->last) {
        block->last->next = block->next;
        return;
    }
    lists[level][class] = block->next;
    if (!block->next) {
        classes[level] &= ~(1u << class);
        if (!classes[level])
            levels &= ~(1u << level);
    }
}

/* Takes a block that is not in a list, joined with its free neighbours, into one. */
static void give_back(Block *block)
{
    Block *next = after(block);
    if (next->size & FREE) {
        delist(next);
        block->size += HEADER + size_of(next);
    }
    if (block->before && block->before->size & FREE) {
        Block *before = block->before;
        delist(before);
        before->size += HEADER + size_of(block);
        block = before;
    }
    after(block)->before = block;
    enlist(block);
}

/* Gives back what a used block has beyond `size`. */
static void trim(Block *block, uint32_t size)
{
    if (size_of(block) < size + 2 * HEADER)
        return;
    uint32_t rest = size_of(block) - size - HEADER;
    block->size = size;
    Block *made = after(block);
    *made = (Block){ .before = block, .size = rest };
    after(made)->before = made;
    give_back(made);
}

static bool grow(uint32_t size)
{
    size_t pages = ((size_t)size + 2 * HEADER + PAGE - 1) / PAGE;
    size_t got = pages < STEP ? STEP : pages;
    size_t start = __builtin_wasm_memory_grow(0, got);
    if (start == SIZE_MAX && pages < STEP)
        start = __builtin_wasm_memory_grow(0, got = pages);
    if (start == SIZE_MAX || start + got > 65535)
        return false;
    char *at = (char *)(start * PAGE);
    Block *block = (Block *)at;
    uint32_t bytes = (uint32_t)(got * PAGE) - 2 * HEADER;
    if (end && (char *)end + HEADER == at) {
        block = end;
        block->size = bytes + HEADER;
    } else {
        block->before = NULL;
        block->size = bytes;
    }
    end = after(block);
    end->before = block;
    end->size = 0;
    give_back(block);
    return true;
}

static Block *find(uint32_t size)
{
    uint32_t level, class, rounded = size;
    if (size >= 8 * FINE)
        rounded += (1u << (31 - (uint32_t)__builtin_clz(size) - 4)) - 1;
    class_of(rounded, &level, &class);
    if (level >= LEVELS)
        return NULL;
    uint32_t fitting = classes[level] & (~0u << class);
    if (!fitting) {
        uint32_t higher = levels & (~0u << (level + 1));
        if (!higher)
            return NULL;
        level = (uint32_t)__builtin_ctz(higher);
        fitting = classes[level];
    }
    return lists[level][__builtin_ctz(fitting)];
}

/* Joins the small blocks that wait; false if there is none. */
static bool join_small(void)
{
    bool any = false;
    for (size_t i = 0; i <= SMALL / 8; i++) {
        while (quick[i]) {
            Block *block = quick[i];
            quick[i] = block->next;
            give_back(block);
            any = true;
        }
    }
    return any;
}

void *heap_alloc(size_t wanted)
{
    if (wanted > INT32_MAX - PAGE) {
        memory_refused = true;
        return NULL;
    }
    uint32_t size = wanted <= 8 ? 8 : ((uint32_t)wanted + 7) & ~7u;
    if (size <= SMALL && quick[size / 8]) {
        Block *block = quick[size / 8];
        quick[size / 8] = block->next;
        return (char *)block + HEADER;
    }
    Block *block = find(size);
    if (!block && join_small())
        block = find(size);
    /* Room for the rounding of the search too. */
    if (!block && grow(size + size / FINE + 8))
        block = find(size);
    if (!block) {
        memory_refused = true;
        return NULL;
    }
    delist(block);
    trim(block, size);
    return (char *)block + HEADER;
}

void heap_free(void *at)
{
    if (!at)
        return;
    Block *block = (Block *)((char *)at - HEADER);
    uint32_t size = size_of(block);
    if (size > SMALL) {
        give_back(block);
        return;
    }
    block->next = quick[size / 8];
    quick[size / 8] = block;
}

void *heap_zeroed(size_t number, size_t each)
{
    size_t bytes;
    if (__builtin_mul_overflow(number, each, &bytes))
        return NULL;
    void *at = heap_alloc(bytes);
    return at ? memset(at, 0, bytes) : NULL;
}

size_t heap_size(const void *at)
{
    return at ? size_of((const Block *)((const char *)at - HEADER)) : 0;
}

void *heap_resize(void *at, size_t wanted)
{
    if (!at)
        return heap_alloc(wanted);
    if (wanted > INT32_MAX - PAGE) {
        memory_refused = true;
        return NULL;
    }
    Block *block = (Block *)((char *)at - HEADER);
    uint32_t size = wanted <= 8 ? 8 : ((uint32_t)wanted + 7) & ~7u, had = size_of(block);
    Block *next = after(block);
    if (size > had && next->size & FREE && had + HEADER + size_of(next) >= size) {
        delist(next);
        block->size = had + HEADER + size_of(next);
        after(block)->before = block;
    }
    if (size <= size_of(block)) {
        trim(block, size);
        return at;
    }
    void *made = heap_alloc(wanted);
    if (!made)
        return NULL;
    memcpy(made, at, had);
    heap_free(at);
    return made;
}
