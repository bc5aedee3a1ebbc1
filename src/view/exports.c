/* Takes back the names that the machine's library lacks, when the view is loaded: programs choose among a function's
 * versions by which of them are there, and dlsym() is what they ask, often before they call anything. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/macros.h"
#include "view/backend.h"

/* What the dynamic linker looks names up in. */
struct symbols {
    ElfW(Sym) * table;
    size_t count;
    const char *names;
};

/* What a dynamic section loaded at @base tells of: the dynamic linker has made an address of it in memory, unless it
 * leaves the section as it is. */
static void *locate(char *base, ElfW(Addr) value)
{
    return base + (value < (uintptr_t)base ? value : value - (uintptr_t)base);
}

static bool find_symbols(struct symbols *ret_symbols)
{
    struct symbols symbols = {.table = NULL};
    Dl_info info;

    if (!dladdr(backend_targets, &info))
        return false;
    for (const ElfW(Dyn) *entry = _DYNAMIC /* of this library */; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_SYMTAB)
            symbols.table = locate(info.dli_fbase, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_STRTAB)
            symbols.names = locate(info.dli_fbase, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_HASH) /* its second word: as many chains as symbols */
            symbols.count = ((const uint32_t *)locate(info.dli_fbase, entry->d_un.d_ptr))[1];
    }
    *ret_symbols = symbols;
    return symbols.table && symbols.names && symbols.count;
}

static int compare_name(const void *name, const void *entry_name)
{
    return strcmp(name, entry_name);
}

static bool is_lacking(const char *name)
{
    const char *found = bsearch(name, entry_names, ENTRY_COUNT, sizeof(entry_names[0]), compare_name);
    enum entry entry;

    if (!found)
        return false;
    entry = (enum entry)((size_t)(found - entry_names[0]) / sizeof(entry_names[0]));
    return entry != ENTRY_nvmlInternalGetExportTable /* by which views know each other */ && backend_lacks(entry);
}

/* The table is in a segment that is only read and holds no code (-z separate-code). */
static int protect(const struct symbols *symbols, int protection)
{
    size_t in_page = (uintptr_t)symbols->table & ((uintptr_t)sysconf(_SC_PAGESIZE) - 1);

    return mprotect((char *)symbols->table - in_page, in_page + symbols->count * sizeof(*symbols->table), protection);
}

__attribute__((constructor)) static void take_back_names(void)
{
    struct symbols symbols;
    int saved = errno;

    if (backend_is_there() && find_symbols(&symbols) && protect(&symbols, PROT_READ | PROT_WRITE) == 0) {
        for (size_t i = 0; i < symbols.count; i++) {
            if (symbols.table[i].st_value && is_lacking(symbols.names + symbols.table[i].st_name))
                symbols.table[i].st_value = 0; /* to the dynamic linker, one that is not defined */
        }
        protect(&symbols, PROT_READ);
    }
    errno = saved;
}
