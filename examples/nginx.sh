#!/bin/sh
# Records nginx while it serves, reloads and stops, and runs it under the profile made from that.
# Needs a running profilerd, Docker, and the image nginx.
set -eu

docker run --detach --name profile-me --publish 8080:80 nginx
trap 'docker rm --force profile-me >/dev/null' EXIT
sleep 1

# Everything the container has to be able to do must be done once.
curl --silent --output /dev/null http://127.0.0.1:8080/
docker exec profile-me nginx -s reload
sleep 1
curl --silent --output /dev/null http://127.0.0.1:8080/
docker stop profile-me >/dev/null

profilectl export profile-me --require-complete --output nginx.json
docker rm profile-me >/dev/null
docker run --detach --name profile-me --publish 8080:80 --security-opt seccomp=nginx.json nginx
sleep 1
curl --fail --silent http://127.0.0.1:8080/ >/dev/null && echo 'nginx serves under nginx.json'
