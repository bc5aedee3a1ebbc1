#!/usr/bin/env bash
# uninstall.bash PREFIX: removes what ./run install installed in PREFIX, and says what it leaves.
set -euo pipefail
prefix=$1
checkout=$(dirname "${BASH_SOURCE[0]}")/..
. "$checkout/packaging/layout.bash"

# Prints who still needs the state directory, or why that is unknown; nothing if nobody does.
find_use() {
    local genv lives other
    for other in /usr /usr/local; do
        if [[ $other != "$prefix" && -x $other/bin/genv ]]; then
            echo "the genv in $other uses it"
            return
        fi
    done
    for genv in "$root/bin/genv" "$prefix/bin/genv" "$checkout/build/src/cli/genv"; do
        [[ ! -x $genv ]] || break
    done
    if [[ -x $genv ]]; then
        if ! lives=$(env -i "GENV_TMPDIR=$state" "$genv" envs --format csv --no-header 2>/dev/null); then
            echo "'genv envs' failed"
        elif [[ $lives ]]; then
            echo "it has live environments: $(cut -d , -f 1,2 <<<"$lives" | sed 's/,/ of /' | paste -s -d , | sed 's/,/, /g')"
        fi
    elif [[ $(find "$state/envs" -name '*.json' -print -quit 2>/dev/null) ]]; then
        echo 'it has environments, and there is no genv to tell whether they are alive'
    fi
}

# Nobody can make an environment while the lock is held, or in a directory that is gone.
remove_state_directory() {
    local use lock
    if [[ -f $state/genv.lock && ! -L $state/genv.lock ]]; then
        exec {lock}<"$state/genv.lock"
        flock -w 10 "$lock" || use="another process holds $state/genv.lock"
    fi
    : "${use:=$(find_use)}"
    if [[ ! $use ]] && mountpoint -q "$state"; then
        use='a file system is mounted on it'
    fi
    if [[ $use ]]; then
        echo "Kept $state: $use. When it is no longer needed, remove it with: rm -r $state"
    else
        rm -rf "$state"
        echo "Removed $state"
    fi
}

# Only the administrator can stop or disable a unit whose file is gone.
report_unit() {
    local unit=$1 wanted
    mapfile -t wanted < <(find /etc/systemd/system -name "$unit" -type l 2>/dev/null)
    if [[ -e /sys/fs/cgroup/system.slice/$unit || -e /sys/fs/cgroup/systemd/system.slice/$unit ]]; then
        echo "$unit is still running; to stop it: systemctl stop $unit"
    fi
    if ((${#wanted[@]})); then
        echo "$unit is still enabled; to disable it: rm ${wanted[*]}; systemctl daemon-reload"
    fi
}

remove_system_files() {
    local file
    for file in "${system_files[@]}"; do
        if [[ -e $prefix/$file ]]; then
            rm "$prefix/$file"
            echo "Removed $prefix/$file"
        fi
    done
    for file in "${system_files[@]##*/}"; do
        if [[ $file == *.service || $file == *.mount ]]; then
            report_unit "$file"
        fi
    done
}

# Removes the given folders in $prefix and those above them, if empty, except what every system has.
remove_empty_folders() {
    local folder
    for folder; do
        while [[ $folder != "$prefix" ]]; do
            case $(is_for_the_system && echo "${folder#"$prefix/"}") in
            bin | include | lib | share | share/man) break ;;
            esac
            rmdir "$folder" 2>/dev/null || break
            folder=${folder%/*}
        done
    done
    is_for_the_system || rmdir "$prefix" 2>/dev/null || true
}

mapfile -d '' links < <(list_links)
is_older_layout && older=yes || older=
if [[ ! -d $root/shims && ! -L $root && ${#links[@]} == 0 && ! $older ]]; then
    elsewhere=$(genv root 2>/dev/null) || true
    [[ $elsewhere != */lib/genv ]] ||
        fail "genv is installed in $elsewhere, not in $prefix: use --prefix ${elsewhere%/lib/genv}"
    fail "no genv is installed in $prefix"
fi
is_writable "$prefix/lib" || fail "$prefix/lib cannot be written: run this as root"

if is_for_the_system && [[ -d $state && ! -L $state && -O $state ]]; then
    remove_state_directory
fi
if [[ $older ]]; then
    remove_older_layout
    echo "Removed an older genv, whose files were spread over $prefix"
fi
if [[ -d $root/shims || -L $root ]]; then
    rm -rf "$root"
    echo "Removed $root"
fi
if ((${#links[@]})); then
    rm -f "${links[@]}"
    echo "Removed ${#links[@]} links to it"
fi
if is_for_the_system; then
    remove_system_files
    ldconfig
fi
remove_empty_folders "${links[@]%/*}" "$prefix"/{bin,include,lib/pkgconfig,share/man/man1} \
    "$prefix"/share/{bash-completion/completions,zsh/site-functions,fish/vendor_completions.d} \
    "$prefix"/lib/{systemd/system,tmpfiles.d} "$prefix/lib"
echo "Remove the lines that you added to the startup files of your shells, such as 'eval \"\$(genv shell --init)\"'."
