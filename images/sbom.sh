#!/usr/bin/env bash
# Prints what is in an image as CycloneDX 1.5 (JSON): sbom.sh NAME CARGO-LOCK PACKAGE-LOCK
#
# Debian's packages come from dpkg's own list on the machine where this runs, so it runs in the image's
# build. The program's parts come from its lock files: every crate of Cargo.lock, those that only its
# build or its tests use included, and the npm packages that the takeover page contains. Nothing
# depends on the time, so the same input gives the same bytes.
set -euo pipefail
name=$1 cargo_lock=$2 package_lock=$3

# Lines of name, version, package URL and SHA-256 (or nothing) become components.
components() {
  awk -F '\t' '
    function quoted(text) { gsub(/[\\"]/, "\\\\&", text); return "\"" text "\"" }
    {
      hash = $4 == "" ? "" : ", \"hashes\": [{\"alg\": \"SHA-256\", \"content\": " quoted($4) "}]"
      printf("%s    {\"type\": \"library\", \"bom-ref\": %s, \"name\": %s, \"version\": %s, \"purl\": %s%s}",
        (NR > 1 ? ",\n" : ""), quoted($3), quoted($1), quoted($2), quoted($3), hash)
    }'
}

# In a package URL these mean something else, or may not stand at all.
escapes='function escaped(text) { gsub(/%/, "%25", text); gsub(/@/, "%40", text); gsub(/\+/, "%2B", text); return text }'

debian() {
  local release
  # shellcheck source=/dev/null
  release=$(. /etc/os-release && echo "$ID-$VERSION_ID")
  dpkg-query --show --showformat '${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n' | LC_ALL=C sort |
    awk -F '\t' -v release="$release" "$escapes"'
      $1 == "installed" {
        print $2 "\t" $3 "\tpkg:deb/debian/" escaped($2) "@" escaped($3) "?arch=" $4 "&distro=" release "\t"
      }'
}

# A table for each crate. Our own says no source.
crates() {
  awk -F '"' "$escapes"'
    function done() {
      if (source != "") print name "\t" version "\tpkg:cargo/" name "@" escaped(version) "\t" checksum
      source = checksum = ""
    }
    /^\[\[package\]\]/ { done() }
    /^name = / { name = $2 }
    /^version = / { version = $2 }
    /^source = / { source = $2 }
    /^checksum = / { checksum = $2 }
    END { done() }' "$cargo_lock"
}

# npm writes one field a line. What is there for development alone is not in the page.
npm() {
  awk -F '"' "$escapes"'
    /^    "node_modules\// { name = $2; sub(/.*node_modules\//, "", name); version = ""; dev = 0 }
    /^      "version":/ { version = $4 }
    /^      "dev": true/ { dev = 1 }
    /^    }/ {
      if (name != "" && !dev) print name "\t" version "\tpkg:npm/" escaped(name) "@" escaped(version) "\t"
      name = ""
    }' "$package_lock"
}

found=$({ debian; crates; npm; } | components)
cat <<JSON
{
  "bomFormat": "CycloneDX",
  "specVersion": "1.5",
  "version": 1,
  "metadata": {
    "component": {"type": "container", "bom-ref": "$name", "name": "$name"}
  },
  "components": [
$found
  ]
}
JSON
