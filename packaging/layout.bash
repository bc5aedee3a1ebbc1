# What install.bash and uninstall.bash know about an installation in $prefix. Read by them, with $prefix set.
# shellcheck shell=bash disable=SC2034

# All of genv is in this folder, and what else there is are links to it (../meson.build)
root=$prefix/lib/genv
# and, for the system, these.
system_files=(lib/systemd/system/{genv-enforce.service,genv-monitor.service,var-tmp-genv.mount} lib/tmpfiles.d/genv.conf)
state=/var/tmp/genv

PATH=$PATH:/usr/sbin:/sbin # of ldconfig; su does not bring it

fail() {
    printf 'genv: %s\n' "$*" >&2
    exit 1
}

is_for_the_system() {
    [[ $EUID == 0 && ($prefix == /usr || $prefix == /usr/local) ]]
}

# Prints the links to $root, each with a NUL behind it, whether they still lead there or not.
list_links() {
    local link target up
    while IFS= read -r -d '' link && IFS= read -r -d '' target; do
        up=${link#"$prefix"/}
        up=${up//[^\/]/}
        if [[ $target == "${up//\//../}lib/genv/"* ]]; then
            printf '%s\0' "$link"
        fi
    done < <(find -H "$prefix"/{bin,include,lib*,share/man/man1,share/bash-completion/completions} \
        "$prefix"/share/{zsh/site-functions,fish/vendor_completions.d} -maxdepth 3 -type l -printf '%p\0%l\0' 2>/dev/null)
}

# Before genv had a folder of its own, its files were spread over the prefix.
is_older_layout() {
    [[ -f $prefix/bin/genv && ! -L $prefix/bin/genv && -d $prefix/libexec/genv/shims ]]
}

remove_older_layout() {
    rm -rf "$prefix"/bin/genv "$prefix"/libexec/genv "$prefix"/include/genv "$prefix"/lib{,/*}/libgenv.so* \
        "$prefix"/lib{,/*}/pkgconfig/genv.pc "$prefix"/share/man/man1/genv{,-*}.1 \
        "$prefix"/share/{bash-completion/completions/genv,zsh/site-functions/_genv,fish/vendor_completions.d/genv.fish} \
        "${system_files[@]/#/$prefix/}"
    rmdir "$prefix/libexec" 2>/dev/null || true
}

# Whether the folder $1 can be written, or made.
is_writable() {
    local folder=$1
    while [[ ! -e $folder && $folder == */* ]]; do folder=${folder%/*}; done
    [[ -d ${folder:-/} && -w ${folder:-/} ]]
}

# Fails if genv cannot be installed in $prefix.
check_prefix() {
    local file
    for file in bin lib share; do
        is_writable "$prefix/$file" || fail "$prefix/$file cannot be written: run this as root, or use --prefix DIR"
    done
    [[ ! -e $root || -e $root/bin/genv ]] || fail "$root is not an installation of genv: move it away"
    is_older_layout || [[ ! -e $prefix/bin/genv && ! -L $prefix/bin/genv ]] ||
        [[ $(readlink "$prefix/bin/genv") == ../lib/genv/bin/genv ]] ||
        fail "$prefix/bin/genv is another program: move it away, or use another --prefix DIR"
}
