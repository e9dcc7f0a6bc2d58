"""What a style in a mail may say: names of properties, functions and at-rules that lay out and fetch nothing."""

from __future__ import annotations

import re

from message.html.markup import names

PROPERTIES = names(
    """accent-color align-content align-items align-self alignment-baseline all animation animation-delay
    animation-direction animation-duration animation-fill-mode animation-iteration-count animation-name
    animation-play-state animation-timing-function appearance aspect-ratio backface-visibility background
    background-attachment background-blend-mode background-clip background-color background-image
    background-origin background-position background-position-x background-position-y background-repeat
    background-size baseline-shift block-size border border-block border-block-color border-block-end
    border-block-end-color border-block-end-style border-block-end-width border-block-start
    border-block-start-color border-block-start-style border-block-start-width border-block-style
    border-block-width border-bottom border-bottom-color border-bottom-left-radius
    border-bottom-right-radius border-bottom-style border-bottom-width border-collapse border-color
    border-end-end-radius border-end-start-radius border-image border-image-outset border-image-repeat
    border-image-slice border-image-source border-image-width border-inline border-inline-color
    border-inline-end border-inline-end-color border-inline-end-style border-inline-end-width
    border-inline-start border-inline-start-color border-inline-start-style border-inline-start-width
    border-inline-style border-inline-width border-left border-left-color border-left-style
    border-left-width border-radius border-right border-right-color border-right-style border-right-width
    border-spacing border-start-end-radius border-start-start-radius border-style border-top
    border-top-color border-top-left-radius border-top-right-radius border-top-style border-top-width
    border-width bottom box-align box-decoration-break box-orient box-pack box-shadow box-sizing
    break-after break-before break-inside caption-side clear clip clip-path color color-adjust
    color-scheme column-count column-fill column-gap column-rule column-rule-color column-rule-style
    column-rule-width column-span column-width columns contain container container-name container-type
    content content-visibility counter-increment counter-reset counter-set cursor direction display empty-cells fill
    filter flex flex-basis flex-direction flex-flow flex-grow flex-shrink flex-wrap float font
    font-family font-feature-settings font-kerning font-optical-sizing font-size font-size-adjust
    font-smoothing font-stretch font-style font-synthesis font-variant font-variant-alternates
    font-variant-caps font-variant-east-asian font-variant-ligatures font-variant-numeric
    font-variant-position font-variation-settings font-weight forced-color-adjust gap grid grid-area
    grid-auto-columns grid-auto-flow grid-auto-rows grid-column grid-column-end grid-column-gap
    grid-column-start grid-gap grid-row grid-row-end grid-row-gap grid-row-start grid-template
    grid-template-areas grid-template-columns grid-template-rows height hyphenate-character hyphens
    image-orientation image-rendering inline-size inset inset-block inset-block-end inset-block-start
    inset-inline inset-inline-end inset-inline-start interpolation-mode isolation justify-content
    justify-items justify-self layout-grid-mode left letter-spacing line-break line-clamp line-height
    line-height-step list-style list-style-image list-style-position list-style-type margin margin-block
    margin-block-end margin-block-start margin-bottom margin-inline margin-inline-end
    margin-inline-start margin-left margin-right margin-top max-block-size max-height max-inline-size
    max-width min-block-size min-height min-inline-size min-width mix-blend-mode object-fit
    object-position opacity order orphans osx-font-smoothing outline outline-color outline-offset
    outline-style outline-width overflow overflow-anchor overflow-wrap overflow-x overflow-y
    overscroll-behavior padding padding-block padding-block-end padding-block-start padding-bottom
    padding-inline padding-inline-end padding-inline-start padding-left padding-right padding-top
    page-break-after page-break-before page-break-inside perspective perspective-origin place-content
    place-items place-self pointer-events position print-color-adjust punctuation-wrap quotes resize
    right rotate row-gap ruby-align ruby-position scale scroll-behavior shape-margin size speak
    stroke stroke-width supported-color-schemes tab-interval tab-size table-layout tap-highlight-color text-align
    text-align-last text-autospace text-combine-upright text-decoration text-decoration-color
    text-decoration-line text-decoration-skip-ink text-decoration-style text-decoration-thickness
    text-emphasis text-fill-color text-indent text-justify text-justify-trim text-kashida-space
    text-orientation text-overflow text-rendering text-shadow text-size-adjust text-stroke
    text-stroke-color text-stroke-width text-transform text-underline text-underline-offset
    text-underline-position text-wrap top touch-action transform transform-origin transform-style
    transition transition-delay transition-duration transition-property transition-timing-function
    translate unicode-bidi user-select vertical-align visibility white-space white-space-collapse
    widows width will-change word-break word-spacing word-wrap writing-mode z-index zoom"""
)
_PREFIXED = re.compile(r"-(?:webkit|moz|ms|o|khtml)-([a-z-]+)")
# Outlook's own, which lay out tables and lines; none of them fetches. And properties of the author's.
_OWN = re.compile(r"mso-[a-z0-9-]{1,60}|--[a-z0-9_-]{1,80}", re.IGNORECASE)

LAYERED = names(
    """background background-image mask mask-image cursor transition animation box-shadow text-shadow
    -webkit-mask -webkit-mask-image"""
)
"""Whose values are lists: what is left without its image is left out of the list."""

FUNCTIONS = names(
    """rgb rgba hsl hsla hwb lab lch oklab oklch color color-mix light-dark calc min max clamp round mod rem abs
    sign var env linear-gradient radial-gradient conic-gradient repeating-linear-gradient
    repeating-radial-gradient repeating-conic-gradient -webkit-linear-gradient -webkit-radial-gradient
    -webkit-gradient -moz-linear-gradient -o-linear-gradient -ms-linear-gradient from to color-stop
    matrix matrix3d perspective
    rotate rotate3d rotatex rotatey rotatez scale scale3d scalex scaley scalez skew skewx skewy translate
    translate3d translatex translatey translatez cubic-bezier steps linear counter counters rect inset
    circle ellipse polygon blur brightness contrast drop-shadow grayscale hue-rotate invert opacity
    saturate sepia minmax repeat fit-content"""
)
FETCHING = names(
    """url src image image-set -webkit-image-set cross-fade -webkit-cross-fade element -moz-element paint
    -webkit-canvas -moz-image-rect"""
)
"""What stands for an image: it goes out of a value, and the rest of the value stays."""
SELECTING = names(
    """not is where has matches any -webkit-any -moz-any nth-child nth-last-child nth-of-type nth-last-of-type
    nth-col lang dir selector host"""
)
GROUPING = names("media supports layer container")
"""At-rules that hold rules."""
MOVING = names("keyframes -webkit-keyframes -moz-keyframes -o-keyframes")
DESCRIBING = names("page -ms-viewport viewport -o-viewport")
"""At-rules that hold declarations."""


def is_property(name: str) -> bool:
    """Whether a property of that name, in lower case, only lays out."""
    if name in PROPERTIES:
        return True
    prefixed = _PREFIXED.fullmatch(name)
    return bool(prefixed and prefixed[1] in PROPERTIES) or bool(_OWN.fullmatch(name))
