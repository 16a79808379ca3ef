#!/usr/bin/env bash
# Brings the tools of Apache Kafka 4.1.0 (DumpLogSegments and others) and prints the folder of their jars.
# Maven fetches them by version; their checksums are in tests/systems/kafka_tools.sha256.
set -euo pipefail
cd "$(dirname "$0")/.."
version=4.1.0
folder=$PWD/.cache/kafka-tools-$version
checksums=$PWD/tests/systems/kafka_tools.sha256

intact() { [ -d "$folder" ] && (cd "$folder" && sha256sum --check --quiet --strict "$checksums") >&2; }

if ! intact 2>/dev/null; then
  rm -rf "$folder"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cat >"$work/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>penstock</groupId><artifactId>kafka-tools</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version></dependency>
  </dependencies>
</project>
POM
  echo "fetching the tools of Apache Kafka $version" >&2
  for attempt in 1 2 3; do
    mvn -q -B -f "$work/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
      -DincludeScope=runtime -DoutputDirectory="$work/libs" >&2 </dev/null && break
    echo "Maven failed (attempt $attempt of 3)" >&2
  done
  mkdir -p .cache
  mv "$work/libs" "$folder"
  if ! intact; then
    echo "scripts/kafka_tools.sh: the jars in $folder are not those of $checksums; remove the folder and try again" >&2
    exit 1
  fi
fi
echo "$folder"
