/* Observations of this machine. */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/proc.h"
#include "base/text.h"
#include "monitor/observation.h"

struct local {
    struct source source;
    struct genv *genv;
    int cancel; /* eventfd: the look that is being taken is of no use any more */
};

/* A machine that can't tell its state is one that is not up. */
static int observe(struct source *source, struct observation *ret_observation, struct genv_error *err)
{
    const struct local *local = (const struct local *)source;
    struct observed_host *host = calloc(1, sizeof(*host));
    struct genv_error reason = {0};
    double begin = clock_monotonic_seconds();

    if (!host)
        return error_no_memory(err);
    host->has_genv = true;
    host->up = genv_snapshot_take(local->genv, GENV_DEPTH_COMPLETE, &host->snapshot, &reason) == 0;
    proc_hostname(host->name, sizeof(host->name));
    copy_string(host->reason, sizeof(host->reason), host->up ? "" : reason.message);
    *ret_observation = (struct observation){
        .time = clock_now(),
        .duration_seconds = clock_monotonic_seconds() - begin,
        .hosts = host,
        .host_count = 1,
    };
    return 0;
}

static void cancel_local(struct source *source)
{
    eventfd_write(((struct local *)source)->cancel, 1);
}

static void close_local(struct source *source)
{
    struct local *local = (struct local *)source;

    genv_close(local->genv);
    close(local->cancel);
    free(local);
}

int source_open_local(struct source **ret_source, struct genv_error *err)
{
    struct local *local = calloc(1, sizeof(*local));
    int r;

    if (!local)
        return error_no_memory(err);
    local->source = (struct source){.observe = observe, .cancel = cancel_local, .close = close_local};
    local->cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r = local->cancel < 0 ? error_set_errno(err, errno, "cannot create an eventfd")
                          : genv_open(NULL, &local->genv, err);
    if (r < 0) {
        cleanup_closep(&local->cancel);
        free(local);
        return r;
    }
    genv_set_cancel(local->genv, local->cancel);
    *ret_source = &local->source;
    return 0;
}
