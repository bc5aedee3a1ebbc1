/* Programs that were built for another version of the library: structures keep their sizes, and what one that came
 * later asks for is refused, not overlooked. */
#include "machine.h"

#if defined(__x86_64__) || defined(__aarch64__)
#define KEEPS_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), "the soname must change with " #type)
KEEPS_SIZE(genv_activation, 344);
KEEPS_SIZE(genv_attach_request, 48);
KEEPS_SIZE(genv_attachment, 272);
KEEPS_SIZE(genv_config, 208);
KEEPS_SIZE(genv_detachment, 1312);
KEEPS_SIZE(genv_device, 416);
KEEPS_SIZE(genv_env, 560);
KEEPS_SIZE(genv_error, 1028);
KEEPS_SIZE(genv_gpu_process, 520);
KEEPS_SIZE(genv_kernel, 96);
KEEPS_SIZE(genv_member, 56);
KEEPS_SIZE(genv_options, 64);
KEEPS_SIZE(genv_process, 48);
KEEPS_SIZE(genv_reservation, 328);
KEEPS_SIZE(genv_usage, 128);
KEEPS_SIZE(genv_value, 32);
KEEPS_SIZE(genv_variable, 16);
#endif

/* The request that @reserved is part of, and that is refused while that is set. */
struct request {
    struct genv_options options;
    struct genv_member member;
    struct genv_activation activation;
    struct genv_reservation reservation;
    struct genv_attach_request attach;
    struct genv_config config;
    struct genv_detachment detachment;
};

static struct request make_request(void)
{
    struct request request = {
        .member = {.pid = getpid()},
        .activation = {.eid = "x", .uid = (uid_t)-1, .member = {.pid = getpid()}, .config = GENV_CONFIG_INIT},
        .reservation = GENV_RESERVATION_INIT,
        .attach = {.count = 1},
        .config = {.gpus = 1},
        .detachment = {.eid = "x"},
    };

    request.reservation.eid = "x";
    request.reservation.member_count = 1;
    return request;
}

static int open_it(struct genv *g, struct request *request, struct genv_error *err)
{
    struct genv *another = NULL;
    int r = genv_open(&request->options, &another, err);

    (void)g;
    genv_close(another);
    return r;
}

static int activate(struct genv *g, struct request *request, struct genv_error *err)
{
    return genv_activate(g, &request->activation, NULL, NULL, err);
}

static int reserve(struct genv *g, struct request *request, struct genv_error *err)
{
    request->reservation.members = &request->member;
    return genv_reserve(g, &request->reservation, NULL, NULL, err);
}

static int attach(struct genv *g, struct request *request, struct genv_error *err)
{
    return genv_attach(g, "x", &request->attach, NULL, err);
}

static int configure_what_is_unknown(struct genv *g, struct request *request, struct genv_error *err)
{
    return genv_configure(g, "x", &request->config, GENV_CONFIG_ALL + 1, NULL, err);
}

static int detach(struct genv *g, struct request *request, struct genv_error *err)
{
    return genv_detach_many(g, &request->detachment, 1, err);
}

static int find(struct genv *g, struct request *request, struct genv_error *err)
{
    cleanup_free char **eids = NULL;

    return genv_find(g, &request->member, &eids, err);
}

static int leave(struct genv *g, struct request *request, struct genv_error *err)
{
    return genv_deactivate(g, "x", &request->member, err);
}

static void what_a_later_version_asks_for_is_refused(void **state)
{
    static const struct {
        int (*call)(struct genv *g, struct request *request, struct genv_error *err);
        size_t reserved; /* 0: what is asked for is unknown as it is */
    } calls[] = {
        {open_it, offsetof(struct request, options.reserved[0])},
        {activate, offsetof(struct request, activation.reserved[7])},
        {activate, offsetof(struct request, activation.member.reserved[0])},
        {activate, offsetof(struct request, activation.config.reserved[0])},
        {reserve, offsetof(struct request, reservation.reserved[1])},
        {reserve, offsetof(struct request, reservation.config.reserved[1])},
        {reserve, offsetof(struct request, member.reserved[3])},
        {attach, offsetof(struct request, attach.reserved[0])},
        {configure_what_is_unknown, 0},
        {detach, offsetof(struct request, detachment.reserved[0])},
        {find, offsetof(struct request, member.reserved[2])},
        {leave, offsetof(struct request, member.reserved[2])},
    };
    cleanup_genv struct genv *g = machine_open(*state);

    machine_activate(g, "x");
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        struct request request = make_request();
        struct genv_error err = {0};

        if (calls[i].reserved) {
            assert_int_equal(calls[i].call(g, &request, &err), 0);
            if (calls[i].call == leave)
                machine_activate(g, "x");
            request = make_request();
            *(uint64_t *)((char *)&request + calls[i].reserved) = 1;
        }
        assert_int_equal(calls[i].call(g, &request, &err), -ENOTSUP);
        machine_check_error(&err, ENOTSUP, "the program was built for a later version of libgenv: update genv");
    }
}

static const struct CMUnitTest tests[] = {
    TEST(what_a_later_version_asks_for_is_refused),
};

UNIT_MAIN(tests)
