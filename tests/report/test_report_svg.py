import xml.etree.ElementTree as ET

from normalcy.report import svg


def test_words_and_attributes_are_escaped():
    drawing = svg.picture(svg.text('<b>"&'), svg.element("g", svg.tooltip("a<b")), label='"<i>&')
    root = ET.fromstring(drawing)
    assert root.attrib == {"role": "img", "aria-label": '"<i>&'}
    assert root[0].text == '<b>"&'
    assert root[1][0].text == "a<b"


def test_attributes_are_renamed_and_none_is_left_out():
    assert (
        svg.element("rect", class_="bar", stroke_width=2, id=None) == '<rect class="bar" stroke-width="2"/>'
    )


def test_numbers_are_short():
    assert svg.element("rect", x=1.0, y=2.345) == '<rect x="1" y="2.3"/>'
    assert svg.path([(0.0, 1.0), (2.25, 3.0)]) == '<path d="M0 1L2.2 3" fill="none"/>'


def test_an_area_goes_down_to_its_base_and_closes():
    assert 'd="M1 9L1 4L2 5L2 9Z"' in svg.area([(1.0, 4.0), (2.0, 5.0)], base=9.0)
