"""Where a bucket is, read from one URL."""

import pytest

from bot.outside.address import read

GOOD = [
    (
        "s3://photos?region=eu-central-1",
        "https://photos.s3.eu-central-1.amazonaws.com",
        "s3://photos?region=eu-central-1&endpoint=https://s3.eu-central-1.amazonaws.com&style=virtual",
    ),
    (
        "s3://photos/team/a/?region=cn-north-1",
        "https://photos.s3.cn-north-1.amazonaws.com.cn",
        "s3://photos/team/a?region=cn-north-1&endpoint=https://s3.cn-north-1.amazonaws.com.cn&style=virtual",
    ),
    (
        "s3://my.photos?region=us-east-1",  # A certificate for *.s3… does not cover a name with dots.
        "https://s3.us-east-1.amazonaws.com",
        "s3://my.photos?region=us-east-1&endpoint=https://s3.us-east-1.amazonaws.com&style=path",
    ),
    (
        "s3://photos?region=cn-shanghai&endpoint=https://oss-cn-shanghai.aliyuncs.com&style=virtual",
        "https://photos.oss-cn-shanghai.aliyuncs.com",
        "s3://photos?region=cn-shanghai&endpoint=https://oss-cn-shanghai.aliyuncs.com&style=virtual",
    ),
    (
        "s3://photos?region=us-east-1&endpoint=http://127.0.0.1:9000",
        "http://127.0.0.1:9000",
        "s3://photos?region=us-east-1&endpoint=http://127.0.0.1:9000&style=path",
    ),
]


@pytest.mark.parametrize(("text", "base", "whole"), GOOD)
def test_an_address_is_read_and_always_written_the_same_way(text: str, base: str, whole: str) -> None:
    address = read(text)
    assert (address.base, str(address)) == (base, whole)
    assert read(str(address)) == address


BAD = [
    ("https://photos.example.com", "must be relay, or a bucket"),
    ("s3://", "must be relay, or a bucket"),
    ("s3://AKIA:secret@photos?region=eu-west-1", "must not hold keys"),
    ("s3://Photos!?region=eu-west-1", "must name a bucket"),
    ("s3://photos", "must say region"),
    ("s3://photos?region=EU West", "must say region"),
    ("s3://photos/../other?region=eu-west-1", "must have a prefix"),
    ("s3://photos/a b?region=eu-west-1", "must have a prefix"),
    ("s3://photos?region=eu-west-1&secret=x&key=y", "not key, secret"),
    ("s3://photos?region=eu-west-1&style=odd", "must say style"),
    ("s3://photos?region=eu-west-1&endpoint=http://minio.example.com", "must have an https endpoint"),
    ("s3://photos?region=eu-west-1&endpoint=minio:9000", "scheme and host alone"),
    ("s3://photos?region=eu-west-1&endpoint=https://minio.example.com/bucket", "scheme and host alone"),
    ("s3://photos?region=eu-west-1&endpoint=https://k:s3cret@minio.example.com", "must not hold keys"),
]


@pytest.mark.parametrize(("text", "says"), BAD, ids=[says + "/" + text[-12:] for text, says in BAD])
def test_an_address_that_cannot_be_meant_is_refused_and_never_repeated(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        read(text)
    assert "s3cret" not in str(refused.value)
    assert "AKIA" not in str(refused.value)
