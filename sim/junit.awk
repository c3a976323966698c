# Judges what a testbench prints, and writes it as JUnit: awk -v name=icarus -v design=TOP
# -v file=junit/icarus.xml -f junit.awk. Exit status 0 only if vectors were compared and all is right.

function escaped(text) {
  gsub(/&/, "\\&amp;", text)
  gsub(/</, "\\&lt;", text)
  gsub(/>/, "\\&gt;", text)
  gsub(/"/, "\\&quot;", text)
  gsub(/[^ -~]/, " ", text)
  return text
}

function close_case(title) {
  cases = cases "  <testcase classname=\"" design "\" name=\"" title "\""
  if (fault == "") cases = cases " />\n"
  else {
    cases = cases ">\n    <failure message=\"" escaped(fault) "\" />\n  </testcase>\n"
    failures++
  }
  tests++
  fault = ""
}

{ print }

/^ *found / && fault != "" && open { fault = fault ";" $0; open = 0; next }

# GHDL puts the place in the source and the time before what was said.
match($0, /vector [0-9]+: .*/) {
  if (fault == "") { fault = substr($0, RSTART); open = 1 } else { more++; open = 0 }
}

match($0, /[0-9]+ vectors compared/) {
  count = substr($0, RSTART) + 0
  title = substr($0, 1, RSTART - 1)
  sub(/: *$/, "", title)
  sub(/^.*: */, "", title)
  if (count == 0 && fault == "") fault = "no vector ran"
  if (count > 0) compared += count
  if (fault != "" && more) fault = fault "; " more " more"
  more = 0
  close_case(title == "" ? "pass " (tests + 1) : title)
}

/(^|: )PASS *$/ { passed = 1 }
/(^|: )FAIL/ { failed = 1 }

END {
  if (!passed || failed) {
    if (!failures && fault == "") fault = failed ? "FAIL" : "the simulator ended without PASS"
  } else if (!compared && !failures) fault = "no vector ran"
  if (fault != "" || !tests) close_case("end")
  printf "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n" > file
  printf "<testsuite name=\"%s\" tests=\"%d\" failures=\"%d\" errors=\"0\">\n%s</testsuite>\n", \
    name, tests, failures, cases > file
  exit !(passed && !failed && !failures && compared)
}
