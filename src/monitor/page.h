/* The dashboard's files, as they are embedded: src/monitor/page/ has their sources. */
#ifndef MONITOR_PAGE_H
#define MONITOR_PAGE_H

#include <stddef.h>

struct page_file {
    const char *path; /* what a client asks for: "/" */
    const char *type; /* Content-Type */
    const unsigned char *data;
    size_t length;
    const char *etag; /* quotes included; another one whenever the content is another one */
};

/* All of them, in no particular order; the last has the path NULL. */
extern const struct page_file page_files[];

#endif
