/**
 * The script for bash. That of the library asks for the package bash-completion and cannot be
 * sourced twice; this one needs nothing but bash, of 3.2 (macOS) too.
 *
 * bash splits words at `:` and `=` and replaces only the last piece, so the line is split by us,
 * and what stands before the last piece is taken off each answer. The program is called as it was
 * typed: it may be an alias or a path.
 */
export const bashCompletion = `# bash completion for siteswap
__siteswap_complete() {
    local line="\${COMP_LINE:0:COMP_POINT}" piece="\${COMP_WORDS[COMP_CWORD]}" IFS=$' \\t\\n'
    local words cur before reply
    read -ra words <<< "$line"
    [[ "$line" == *[[:space:]] ]] && words+=('')
    cur="\${words[\${#words[@]} - 1]}"
    [[ "$piece" == [:=]* ]] && piece=''
    before="\${cur%"$piece"}"
    COMPREPLY=()
    # The last line is a directive, such as \`:4\`.
    while IFS=$'\\t' read -r reply _; do
        [[ -n "$reply" && "$reply" == "$cur"* && "$reply" != :* ]] || continue
        COMPREPLY+=("\${reply#"$before"}")
    done <<< "$(eval "\${words[0]} complete -- $(printf '%q ' "\${words[@]:1}")" 2>/dev/null)"
}
# Where nothing fits, names of files do.
complete -o default -F __siteswap_complete siteswap`;
