/* What genv talks about, as plain data, and what goes with it. Every layer shares this; genv.h has the operations.
 *
 * Sizes are bytes, times are wall-clock struct timespec.
 *
 * Structures keep their size, so that a program works with later libraries. Those that programs make, or index in an
 * array, end in reserved members, zeros, which make room for new ones: zeros in a new member mean what was so before
 * there was one. What a program asks for there, or as a field, that the library does not know, it refuses with
 * -ENOTSUP. Those that only the library makes and hands out one by one (snapshots, events, findings) may grow at their
 * ends. A change of any other kind changes the soname. */
#ifndef GENV_TYPES_H
#define GENV_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GENV_EID_MAX              128 /* bytes of an identifier, [A-Za-z0-9][A-Za-z0-9._-]* */
#define GENV_NAME_MAX             128 /* bytes of a name, UTF-8 without control characters */
#define GENV_KERNEL_ID_MAX        64  /* bytes of a Jupyter kernel's identifier: a UUID in practice */
#define GENV_CONNECTION_FILE_SIZE 1024
#define GENV_UUID_SIZE            96 /* NVML_DEVICE_UUID_V2_BUFFER_SIZE */
#define GENV_BUS_ID_SIZE          32 /* NVML_DEVICE_PCI_BUS_ID_BUFFER_SIZE */
#define GENV_MODEL_SIZE           96 /* NVML_DEVICE_NAME_V2_BUFFER_SIZE */
#define GENV_VENDOR_SIZE          16
#define GENV_VENDOR_NVIDIA        "nvidia"
#define GENV_COMMAND_SIZE         256
#define GENV_CLAIM_SIZE           64 /* of the text of a claim: see genv_claim_make() */
#define GENV_USERNAME_SIZE        64

/* Says why an operation failed. Filled only on failure; zero-initialise it. */
struct genv_error {
    int code;           /* a positive errno */
    char message[1024]; /* one line for the user: what, why and what to do, without a newline */
};

/* What an environment asks for; a field that is not configured asks for nothing. */
struct genv_config {
    char name[GENV_NAME_MAX + 1]; /* "": not configured */
    int gpus;                     /* device count, or -1: not configured */
    uint64_t gpu_memory;          /* capacity on each attached device, or 0: not configured, the whole device */
    uint64_t reserved[8];
};

#define GENV_CONFIG_INIT                                                                                               \
    {                                                                                                                  \
        .gpus = -1                                                                                                     \
    }

/* The fields of struct genv_config, as a mask. */
enum genv_config_field {
    GENV_CONFIG_NAME = 1 << 0,
    GENV_CONFIG_GPUS = 1 << 1,
    GENV_CONFIG_GPU_MEMORY = 1 << 2,
    GENV_CONFIG_ALL = (1 << 3) - 1,
};

/* All that is known of them, a row each: X(FIELD, member, KIND, name, variable, title, argument, help). Whatever reads,
 * writes or shows a field goes by this table, so that a new one is a row.
 *
 * GENV_CONFIG_FIELD is its bit, and @member of struct genv_config, as which it is known in JSON, its value. KIND says
 * what that is: NAME (char[GENV_NAME_MAX + 1]; "" while it is not configured), COUNT (int; -1) or AMOUNT (uint64_t; 0).
 * `genv config`, options and the files of .genv call it @name, shells and commands @variable, `genv status` @title;
 * @argument and @help describe its option. */
#define GENV_CONFIG_FIELDS(X)                                                                                          \
    X(NAME, name, NAME, "name", "GENV_ENVIRONMENT_NAME", "Name", "NAME", "Name of the environment")                    \
    X(GPUS, gpus, COUNT, "gpus", "GENV_GPUS", "Device count", "N", "Number of devices to attach")                      \
    X(GPU_MEMORY, gpu_memory, AMOUNT, "gpu-memory", "GENV_GPU_MEMORY", "GPU memory capacity", "AMOUNT",                \
      "Memory to reserve on each device, such as 4g or 512mi: the environment's memory capacity (default: the whole "  \
      "device)")

/* A variable of a process. */
struct genv_variable {
    const char *name;
    const char *value; /* NULL: it is not set */
};

/* A process that keeps an environment alive. A PID alone names nobody, since the kernel uses it again. */
struct genv_process {
    pid_t pid;
    uint64_t start_time;    /* clock ticks after boot: field 22 of /proc/PID/stat; 0: /proc hides it */
    uint64_t pid_namespace; /* inode of the namespace that @pid counts in */
    uid_t uid;              /* whose it is, where an environment of root's has a process of another user; else 0 */
    bool container;         /* the first one of a container: what is in its cgroup belongs to the environment too */
    bool vouched;           /* root says so, and of processes of other users as well; not in a record */
    uint64_t reserved[2];
};

/* A Jupyter kernel that keeps an environment alive for as long as its connection file exists. */
struct genv_kernel {
    char id[GENV_KERNEL_ID_MAX + 1];
    char *connection_file; /* of up to GENV_CONNECTION_FILE_SIZE - 1 bytes; NULL in a snapshot of another host */
    uint64_t reserved[2];
};

/* Which device it is, whoever looks and whenever. An index says so to people alone: a container counts the devices that
 * it sees, and a driver that lost one counts anew. */
struct genv_device_id {
    char vendor[GENV_VENDOR_SIZE]; /* GENV_VENDOR_NVIDIA; "": not told by the first version, which knew no other */
    char uuid[GENV_UUID_SIZE];     /* tells it from all others, of all vendors; "" while the driver does not say */
    char parent[GENV_UUID_SIZE];   /* the UUID of the device that it is an instance of; "": it is a whole device */
};

/* "This environment may use this device." */
struct genv_attachment {
    struct genv_device_id device;
    int index;           /* the device's index now, for people; -1: it cannot be seen from here */
    uint64_t gpu_memory; /* capacity, or 0: the whole device */
    struct timespec time;
    uint64_t reserved[4];
};

struct genv_rest;

struct genv_env {
    char eid[GENV_EID_MAX + 1];
    bool counted_otherwise; /* CUDA counts this machine's devices otherwise: CUDA_VISIBLE_DEVICES is to have UUIDs */
    bool isolated;          /* there are processes in it that can open the devices of @openable alone */
    uid_t uid;              /* the owner of the record, never a claim inside it */
    char username[GENV_USERNAME_SIZE]; /* as another host told it; "" for this one: see genv_env_username() */
    struct timespec created;
    struct genv_config config;
    struct genv_process *processes;
    size_t process_count;
    struct genv_kernel *kernels;
    size_t kernel_count;
    struct genv_attachment *attachments; /* ascending by index */
    size_t attachment_count;
    struct genv_device_id *openable; /* what was attached when they began: see genv_isolate() */
    size_t openable_count;
    struct genv_rest *rest; /* genv's own: what else its record says; NULL in what others make */
    uint64_t reserved[8];
};

enum genv_event_kind {
    GENV_EVENT_CREATED,    /* the environment; its first member enters next */
    GENV_EVENT_ENTERED,    /* by a member */
    GENV_EVENT_LEFT,       /* by a member */
    GENV_EVENT_CONFIGURED, /* anew */
    GENV_EVENT_ATTACHED,   /* a device */
    GENV_EVENT_RESIZED,    /* an attached device: another capacity on it */
    GENV_EVENT_DETACHED,   /* a device, also because the environment ends */
    GENV_EVENT_ENDED,      /* the environment; what it had was detached just before */
};

enum genv_event_reason {
    GENV_REASON_ASKED,    /* an operation was asked for this */
    GENV_REASON_UNMET,    /* a device count that could not be met leaves nothing attached */
    GENV_REASON_LEFT,     /* the last member left */
    GENV_REASON_GONE,     /* its members were found to be gone, for however long */
    GENV_REASON_REBOOTED, /* it was found to be of an earlier boot */
};

/* What happened to an environment, as its record tells: one change, made by one commit. */
struct genv_event {
    struct timespec time; /* of the change; for GENV_REASON_GONE and _REBOOTED when it was found */
    enum genv_event_kind kind;
    enum genv_event_reason reason;
    char eid[GENV_EID_MAX + 1];
    struct timespec created;     /* of the environment, which tells it from others of that identifier */
    uid_t uid;                   /* its owner */
    uid_t by;                    /* whose doing it was, or who found it: the owner or root */
    struct genv_config config;   /* as it is then */
    struct genv_process process; /* ENTERED, LEFT: the member, unless it is a kernel; PID 0 otherwise */
    char kernel_id[GENV_KERNEL_ID_MAX + 1];
    struct genv_attachment attachment; /* ATTACHED, RESIZED, DETACHED; no UUID otherwise */
};

enum genv_device_state {
    GENV_DEVICE_OK,
    GENV_DEVICE_LOST,      /* fell off the bus, or needs a reset */
    GENV_DEVICE_FORBIDDEN, /* the caller may not open it */
    GENV_DEVICE_FAILED,    /* the driver does not answer for it */
};

#define GENV_UNKNOWN_U64 UINT64_MAX
#define GENV_UNKNOWN_INT (-1)

/* Live figures of a device; GENV_UNKNOWN_* where the driver has none. */
struct genv_sample {
    uint64_t used_memory;
    int utilization;  /* percent */
    int temperature;  /* degrees Celsius */
    int64_t power_mw; /* milliwatts, or -1 */
};

struct genv_device {
    struct genv_device_id id;
    unsigned index; /* as nvidia-smi shows it */
    int minor;      /* N of /dev/nvidiaN, or -1; not the index */
    enum genv_device_state state;
    bool mig;            /* in MIG mode: genv shares it as a whole */
    bool unified_memory; /* it has none of its own: @total_memory is the machine's, which programs without it use too */
    char pci_bus_id[GENV_BUS_ID_SIZE];
    char name[GENV_MODEL_SIZE];
    uint64_t total_memory; /* 0: unknown */
    struct genv_sample sample;
    uint64_t reserved[4];
};

/* What a process uses of one device. */
struct genv_usage {
    char uuid[GENV_UUID_SIZE]; /* of the device */
    unsigned index;            /* its index, for people */
    uint64_t used_memory;      /* or GENV_UNKNOWN_U64 */
    uint64_t reserved[2];
};

/* A process that uses GPUs. */
struct genv_gpu_process {
    pid_t pid;
    uint64_t start_time;               /* as in struct genv_process; 0: unknown */
    uid_t uid;                         /* (uid_t)-1: unknown */
    char username[GENV_USERNAME_SIZE]; /* as in struct genv_env */
    char eid[GENV_EID_MAX + 1];        /* the environment that it belongs to, or "" */
    char command[GENV_COMMAND_SIZE];
    struct genv_usage *usages;
    size_t usage_count;
    uint64_t reserved[4];
};

/* The state of one machine at one moment. */
struct genv_snapshot {
    char hostname[256];
    struct timespec time;
    char driver[80];             /* the driver's version, "simulated", or "" */
    struct genv_device *devices; /* ascending by index */
    size_t device_count;
    struct genv_env *envs; /* ascending by creation */
    size_t env_count;
    struct genv_gpu_process *processes; /* ascending by PID */
    size_t process_count;
};

/* A value of a snapshot or an environment, as genv_snapshot_visit() tells it. Later versions may have further kinds. */
enum genv_value_kind {
    GENV_VALUE_NULL, /* unknown, or not configured */
    GENV_VALUE_BOOL,
    GENV_VALUE_INTEGER,
    GENV_VALUE_REAL,
    GENV_VALUE_TEXT, /* printable UTF-8 */
    GENV_VALUE_TIME,
    GENV_VALUE_OBJECT, /* begins one: values with keys follow, up to its END */
    GENV_VALUE_LIST,   /* likewise: values without keys */
    GENV_VALUE_END,
};

struct genv_value {
    enum genv_value_kind kind;
    const char *key; /* NULL: in a list, at the outset, or the END */
    union {
        bool boolean;
        int64_t integer;
        double real;
        const char *text; /* until the visitor returns */
        struct timespec time;
    };
};

/* 0 to go on; anything else is returned to whoever asked for the visit, at once. */
typedef int (*genv_visitor)(const struct genv_value *value, void *data);

/* What goes with the data, and touches nothing else. */

/* Amounts of memory: "42mi", "4g", "44040192". -EINVAL for anything else. */
int genv_amount_parse(const char *text, uint64_t *ret_bytes, struct genv_error *err);
/* The shortest exact form; @text has room for GENV_AMOUNT_SIZE bytes. */
#define GENV_AMOUNT_SIZE 32
void genv_amount_format(uint64_t bytes, char *text);

/* -EINVAL, with the rule, for what can't be an identifier, or a name. */
int genv_eid_validate(const char *eid, struct genv_error *err);
int genv_name_validate(const char *name, struct genv_error *err);

/* Which fields of @config are configured, as a mask. */
unsigned genv_config_given(const struct genv_config *config);
/* Copies the fields of @fields, configured or not. */
void genv_config_copy(struct genv_config *config, const struct genv_config *from, unsigned fields);
/* Reads a field as people write it, "4g". -EINVAL, with the accepted form. */
int genv_config_parse(struct genv_config *config, enum genv_config_field bit, const char *text, struct genv_error *err);
/* Writes it so; @text has room for GENV_CONFIG_TEXT_SIZE bytes. false, and "": it is not configured. */
#define GENV_CONFIG_TEXT_SIZE (GENV_NAME_MAX + 1)
bool genv_config_format(const struct genv_config *config, enum genv_config_field bit, char *text);

/* The attachment to the device with that UUID, or NULL. */
const struct genv_attachment *genv_env_attachment(const struct genv_env *env, const char *uuid);

/* The name of an environment's owner, and of a process's user ("" where that is unknown), also in a snapshot of another
 * host; @name has room for GENV_USERNAME_SIZE bytes. */
void genv_env_username(const struct genv_env *env, char *name);
void genv_gpu_process_username(const struct genv_gpu_process *process, char *name);

void genv_snapshot_free(struct genv_snapshot *snapshot); /* NULL is fine */
/* The environment @eid in @snapshot, or NULL. */
const struct genv_env *genv_snapshot_env(const struct genv_snapshot *snapshot, const char *eid);

/* The snapshot as the JSON text of `genv snapshot`, with a final newline; free() it. NULL: out of memory. */
char *genv_snapshot_to_json(const struct genv_snapshot *snapshot);
/* The environments, or the devices, of it alone: a JSON array of the same objects. */
char *genv_snapshot_envs_to_json(const struct genv_snapshot *snapshot);
char *genv_snapshot_devices_to_json(const struct genv_snapshot *snapshot);

/* Tells all that `genv snapshot` says, value by value, for bindings to other languages: a later version may tell
 * further keys, and they need not be compiled again. An environment alone is an object of "envs". Returns 0, -ENOMEM,
 * or what @visit returned. */
int genv_snapshot_visit(const struct genv_snapshot *snapshot, genv_visitor visit, void *data);
int genv_env_visit(const struct genv_env *env, genv_visitor visit, void *data);

/* Reads the JSON text of `genv snapshot`, of another host perhaps. -EINVAL: it is not, or of a version that is not
 * known here; the text may be hostile. Attachments to devices that the host no longer has are not in it. */
int genv_snapshot_from_json(const char *text, size_t length, struct genv_snapshot **ret_snapshot,
                            struct genv_error *err);

#ifdef __cplusplus
}
#endif
#endif
