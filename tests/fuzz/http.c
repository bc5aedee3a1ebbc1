/* The headers that the monitor reads: the first line is Accept, the second Host. */
#include "fuzz.h"

#include <strings.h>

#include "base/text.h"
#include "monitor/answer.h"

#define OPENMETRICS "application/openmetrics-text"

static void check_accept(const char *accept)
{
    cleanup_free char *more = NULL;

    promise(!answer_is_openmetrics(accept) || strcasestr(accept, OPENMETRICS));
    promise(asprintf(&more, "%s, " OPENMETRICS, accept) > 0);
    promise(answer_is_openmetrics(more)); /* nothing weighs more */
}

/* Whatever is taken for this machine is its name or an address, and a port. */
static void check_host(const char *host)
{
    cleanup_free char *with_port = NULL, *elsewhere = NULL;
    size_t name = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");

    promise(!answer_is_host(host, "gpu-server") ||
            (name >= 10 && name <= 11 && strncasecmp(host, "gpu-server.", name) == 0));
    if (!answer_is_loopback(host) && !answer_is_host(host, "gpu-server"))
        return;
    promise(host[name] == '\0' || host[name] == ':');
    promise(asprintf(&with_port, "%.*s:8000", (int)name, host) > 0);
    promise(answer_is_loopback(host) == answer_is_loopback(with_port));
    promise(asprintf(&elsewhere, "%s.evil.example", host) > 0);
    promise(!answer_is_loopback(elsewhere) && !answer_is_host(elsewhere, "gpu-server"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = input_text(data, size);
    char *host = text, *accept = strsep(&host, "\n");

    check_accept(accept);
    if (host)
        check_host(host);
    return 0;
}
