# Completion of kiln for bash: kiln itself says what may come next.
_kiln() {
  local kiln=${1/#\~/$HOME} line=${COMP_LINE:0:COMP_POINT} words=() word i
  # bash splits words at colons and equal signs; those without a space between them belong together.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    ((i < COMP_CWORD)) || word=${line#"${line%%[![:space:]]*}"}
    if ((i == 0)) || [[ $line == [[:space:]]* ]]; then words+=("$word"); else words[-1]+=$word; fi
    line=${line#*"$word"}
  done
  mapfile -t COMPREPLY < <("$kiln" completion bash -- "${words[@]:1}" 2>/dev/null)
  if [[ ${COMPREPLY[0]-} == :files ]]; then
    COMPREPLY=()
    compopt -o default
    return
  fi
  # bash replaces only what follows the last of its own separators.
  word=${words[-1]}
  [[ $word != *:* || $COMP_WORDBREAKS != *:* ]] || COMPREPLY=("${COMPREPLY[@]#"${word%:*}:"}")
  [[ $word != *=* || $COMP_WORDBREAKS != *=* ]] || COMPREPLY=("${COMPREPLY[@]#"${word%=*}="}")
}
complete -F _kiln kiln
